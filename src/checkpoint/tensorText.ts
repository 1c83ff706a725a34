import { LtrainError } from "../errors.js";
import { PyGlobal, PyObject, PyTuple } from "../pickle/values.js";
import { pythonFloat } from "../pickle/pythonFloat.js";
import type { Quantizer, StoredTensor } from "../storage/storedTensor.js";
import type { JsonValue } from "./jsonValue.js";
import { jsonNumber } from "./jsonValue.js";
import { NumberFormatter } from "./numberFormatter.js";
import type { Item } from "./shownItems.js";
import { readShownItems } from "./shownItems.js";

/** How torch prints tensors: torch.set_printoptions. */
export interface PrintOptions {
  /** Digits behind the point. */
  readonly precision: number;
  /** Items at each end of an axis that is cut. */
  readonly edgeItems: number;
  /** A tensor with more elements than this is cut. */
  readonly threshold: number;
  readonly lineWidth: number;
}

/** torch's own choices. */
export const PRINT_OPTIONS: PrintOptions = { precision: 4, edgeItems: 3, threshold: 1000, lineWidth: 80 };

/** A tensor's numbers as `print(tensor)` shows them in torch 2.13; only what is shown is read. */
export async function tensorText(tensor: StoredTensor, options: PrintOptions = PRINT_OPTIONS): Promise<string> {
  const { isParameter, prefix } = classOf(tensor);
  const suffixes: string[] = [];
  const size = `size=(${tensor.shape.join(", ")}${tensor.shape.length === 1 ? "," : ""})`;
  if (tensor.quantizer !== undefined || (tensor.numel === 0 && tensor.shape.length !== 1)) suffixes.push(size);
  const isUnsaid = tensor.numel === 0 ? tensor.dtype === "float32" : DEFAULTS.has(tensor.dtype);
  if (!isUnsaid) suffixes.push(`dtype=torch.${tensor.dtype}`);
  if (tensor.quantizer !== undefined) suffixes.push(...(await quantizerSuffixes(tensor.quantizer, options)));
  if (tensor.requiresGrad) suffixes.push("requires_grad=True");
  const contents = tensor.numel === 0 ? "[]" : await contentsText(tensor, prefix.length, options);
  const text = withSuffixes(prefix + contents, suffixes, prefix.length, options);
  return isParameter ? `Parameter containing:\n${text}` : text;
}

/** The dtypes that are not named, because a tensor made without saying one may be of them. */
const DEFAULTS: ReadonlySet<string> = new Set(["float32", "complex64", "int64", "bool"]);

function classOf({ origin }: StoredTensor): { readonly isParameter: boolean; readonly prefix: string } {
  const plain = { isParameter: false, prefix: "tensor(" };
  if (!(origin instanceof PyObject) || !(origin.callable instanceof PyGlobal)) return plain;
  if (origin.callable.name.startsWith("_rebuild_parameter")) return { ...plain, isParameter: true };
  const type = origin.args instanceof PyTuple ? origin.args.items[1] : undefined;
  const isSubclass = origin.callable.name.startsWith("_rebuild_from_type") && type instanceof PyGlobal;
  if (!isSubclass || type.toString() === "torch.Tensor" || type.name === "Buffer") return plain;
  return { isParameter: false, prefix: `${type.name.replace(/^.*\./, "")}(` };
}

async function contentsText(tensor: StoredTensor, indent: number, options: PrintOptions): Promise<string> {
  const isCut = tensor.numel > options.threshold;
  const { items, kind } = await readShownItems(tensor, isCut ? options.edgeItems : Infinity);
  const flat: Item[] = items.flat(Infinity) as Item[];
  const parts = kind === "complex" ? [flat.filter((_, i) => i % 2 === 0), flat.filter((_, i) => i % 2 === 1)] : [flat];
  const formatters = parts.map((part) => new NumberFormatter(part, kind === "integer", options.precision));
  const isAxisCut = (axis: number): boolean => isCut && (tensor.shape[axis] ?? 0) > 2 * options.edgeItems;
  const write = (item: unknown, axis: number, column: number): string => {
    const rank = tensor.shape.length - axis;
    if (rank === 0) return itemText(item, formatters);
    if (!Array.isArray(item)) throw new TypeError("an axis has items");
    const half = item.length / 2;
    if (rank === 1) {
      const words = item.map((each) => itemText(each, formatters));
      if (isAxisCut(axis)) words.splice(half, 0, " ...");
      return vectorText(words, formatters, column, options);
    }
    const slices = item.map((each) => write(each, axis + 1, column + 1));
    if (isAxisCut(axis)) slices.splice(half, 0, "...");
    return `[${slices.join(`,${"\n".repeat(rank - 1)}${" ".repeat(column + 1)}`)}]`;
  };
  return write(items[0], 0, indent);
}

function itemText(item: unknown, [real, imag]: readonly NumberFormatter[]): string {
  if (real === undefined) return "";
  if (!Array.isArray(item) || imag === undefined) return real.format(item as Item);
  const [re, im] = item as [Item, Item];
  const right = `${imag.format(im)}j`.trimStart();
  return `${real.format(re)}${/^[+-]/.test(right) ? "" : "+"}${right}`;
}

function vectorText(
  words: readonly string[],
  formatters: readonly NumberFormatter[],
  column: number,
  { lineWidth }: PrintOptions,
): string {
  const [real, imag] = formatters;
  const length = (real?.width ?? 0) + 2 + (imag === undefined ? 0 : imag.width + 1);
  const perLine = Math.max(1, Math.floor((lineWidth - column) / length));
  const lines: string[] = [];
  for (let start = 0; start < words.length; start += perLine)
    lines.push(words.slice(start, start + perLine).join(", "));
  return `[${lines.join(`,\n${" ".repeat(column + 1)}`)}]`;
}

async function quantizerSuffixes(quantizer: Quantizer, options: PrintOptions): Promise<string[]> {
  const scheme = `quantization_scheme=torch.${quantizer.scheme}`;
  if (quantizer.scheme === "per_tensor_affine") {
    return [scheme, `scale=${pythonFloat(quantizer.scale)}`, `zero_point=${quantizer.zeroPoint}`];
  }
  return [
    scheme,
    `scale=${await tensorText(quantizer.scales, options)}`,
    `zero_point=${await tensorText(quantizer.zeroPoints, options)}`,
    `axis=${quantizer.axis}`,
  ];
}

/** torch counts the last line's length from its line end on, and two more. */
function withSuffixes(text: string, suffixes: readonly string[], indent: number, { lineWidth }: PrintOptions): string {
  let result = text;
  let lastLine = text.length - text.lastIndexOf("\n") + 1;
  for (const suffix of suffixes) {
    if (lastLine + suffix.length + 2 > lineWidth) {
      result += `,\n${" ".repeat(indent)}${suffix}`;
      lastLine = indent + suffix.length;
    } else {
      result += `, ${suffix}`;
      lastLine += suffix.length + 2;
    }
  }
  return `${result})`;
}

/** More numbers than this are for a file, not for a screen. */
const MAX_VALUES = 1 << 20;

/** Every number of a tensor as nested arrays; complex numbers are pairs, and JSON has text where it has no number. */
export async function tensorValues(tensor: StoredTensor): Promise<JsonValue> {
  if (tensor.numel > MAX_VALUES) {
    throw new LtrainError(
      "checkpoint.unsupported",
      `the tensor has ${tensor.numel} numbers; up to ${MAX_VALUES} are written as JSON`,
      { hint: "ltrain extract writes it to a file; without --json its ends are shown" },
    );
  }
  return jsonItems((await readShownItems(tensor, Infinity)).items[0]);
}

function jsonItems(item: unknown): JsonValue {
  if (Array.isArray(item)) return item.map(jsonItems);
  if (typeof item === "number") return jsonNumber(item);
  if (typeof item === "boolean") return item;
  const number = Number(item);
  return Number.isSafeInteger(number) ? number : String(item);
}
