import { arrayText, describeValue, pythonString, shownArray } from "../checkpoint/describeValue.js";
import type { JsonValue } from "../checkpoint/jsonValue.js";
import { jsonValue } from "../checkpoint/jsonValue.js";
import type { Child } from "../checkpoint/treePaths.js";
import { childrenOf, ROOT_PATH } from "../checkpoint/treePaths.js";
import type { ConsoleStream } from "../io/console.js";
import { PyDict, PyGlobal, PyObject, PySet, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { elementTexts, knownValueOf } from "../serialization/knownValue.js";
import { tensorPartsOf } from "../serialization/tensorParts.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { printable } from "./printable.js";
import { shortened } from "./textWidth.js";
import { formatBytes, plural } from "./units.js";

/** A list of this many plain values or fewer stands on one line. */
const MAX_ON_A_LINE = 16;
/** Of a longer list of plain values so many are shown at its beginning. */
const LINES_AT_ONCE = 1000;

interface Branch {
  readonly name: string;
  readonly value: PyValue;
  /** What stands in front of the name, and in front of what is below it. */
  readonly before: string;
  readonly beneath: string;
}

/** Everything in a value as a tree, a line each; tensors by their shape, long lists of numbers on one line. */
export async function writeTree(root: PyValue, stdout: ConsoleStream, title = ROOT_PATH): Promise<void> {
  const width = stdout.isTTY ? stdout.columns : Infinity;
  const entered = new Map<object, string>();
  let lines: string[] = [];
  const pending: (Branch & { readonly path: string })[] = [
    { name: title, value: root, before: "", beneath: "", path: title },
  ];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value, name, before, beneath, path } = next;
    const known = typeof value === "object" && value !== null ? entered.get(value) : undefined;
    const text = known === undefined ? treeLine(value) : `(the same as ${known})`;
    lines.push(shortened(`${before}${printable(name)}${text === "" ? "" : `  ${printable(text)}`}`, width));
    if (lines.length >= LINES_AT_ONCE) {
      stdout.write(`${lines.join("\n")}\n`);
      lines = [];
      if (!(await stdout.drained())) return;
    }
    if (known !== undefined || !isOpened(value)) continue;
    entered.set(value, path);
    const children = childrenOf(value, path === ROOT_PATH);
    for (let index = children.length - 1; index >= 0; index -= 1) {
      const child = children[index];
      if (child === undefined) continue;
      const isLast = index === children.length - 1;
      pending.push({
        name: nameOf(child),
        value: child.value,
        before: `${beneath}${isLast ? "└── " : "├── "}`,
        beneath: `${beneath}${isLast ? "    " : "│   "}`,
        path: path === ROOT_PATH ? child.step : path + child.step,
      });
    }
  }
  if (lines.length > 0) stdout.write(`${lines.join("\n")}\n`);
}

/** A key without its brackets, where that says the same. */
function nameOf({ step }: Child): string {
  const quoted = /^\[("(?:[^"\\]|\\.)*")\]$/su.exec(step)?.[1];
  if (quoted === undefined) return step.replace(/^\./, "");
  const name = JSON.parse(quoted) as string;
  return name === "" ? '""' : name;
}

/** Whether what is in a value gets lines of its own. */
function isOpened(value: PyValue): value is PyValue[] | PyTuple | PyDict | PySet | PyObject {
  if (value instanceof PyDict) return value.size > 0 || (value.attributes?.size ?? 0) > 0;
  if (value instanceof PyObject) {
    return !isOneLine(value) && tensorPartsOf(value) === undefined && shownArray(value) === undefined;
  }
  if (!Array.isArray(value) && !(value instanceof PyTuple) && !(value instanceof PySet)) return false;
  return !isPlainList(Array.isArray(value) ? value : value.items);
}

/** A value of a class that is known, or one that is made of a few plain values: a member of an Enum, a range. */
function isOneLine(value: PyObject): boolean {
  if (knownValueOf(value) !== undefined) return true;
  const { args, kwargs, state, listItems, dictItems, callable } = value;
  if (kwargs !== undefined || state !== undefined || listItems.length > 0 || dictItems.size > 0) return false;
  if (!(callable instanceof PyGlobal) || !(args instanceof PyTuple)) return false;
  return args.items.length > 0 && args.items.length <= MAX_ON_A_LINE && isPlainList(args.items);
}

function isPlainList(items: readonly PyValue[]): boolean {
  return items.every((item) => typeof item !== "object" || item === null || isOneWord(item));
}

function isOneWord(item: object): boolean {
  return (
    !(Array.isArray(item) || item instanceof PyTuple || item instanceof PyDict || item instanceof PySet) &&
    !(item instanceof PyObject) &&
    !(item instanceof StoredTensor)
  );
}

/** What a line says of a value behind its name. */
function treeLine(value: PyValue): string {
  if (value instanceof StoredTensor) {
    return `${value.dtype} [${value.shape.join(", ")}]  ${formatBytes(value.byteLength)}`;
  }
  if (value instanceof PyDict) {
    return value.size === 0 ? "{}" : `${value.kind === "dict" ? "dict" : value.kind}, ${plural(value.size, "key")}`;
  }
  if (Array.isArray(value)) return listLine("list", value);
  if (value instanceof PyTuple) return listLine("tuple", value.items);
  if (value instanceof PySet) return listLine(value.frozen ? "frozenset" : "set", value.items);
  if (!(value instanceof PyObject)) return describeValue(value);
  const parts = tensorPartsOf(value);
  if (parts !== undefined) {
    const shape = parts.shape === null ? "" : ` [${parts.shape.join(", ")}]`;
    return `${parts.dtype ?? ""} ${parts.layout}${shape}`.trim();
  }
  const array = shownArray(value);
  if (array !== undefined) {
    const [size, elements] = [array.bytes?.byteLength ?? 0, elementTexts(array, MAX_ON_A_LINE + 1)];
    const shown = elements
      .slice(0, MAX_ON_A_LINE)
      .map(pythonString)
      .concat(elements.length > MAX_ON_A_LINE ? ["..."] : []);
    return `numpy.ndarray ${arrayText(array)}  ${[formatBytes(size), shown.join(", ")].filter(Boolean).join("  ")}`;
  }
  return isOneLine(value) ? describeValue(value) : `<${value.className}>`;
}

function listLine(kind: string, items: readonly PyValue[]): string {
  if (!isPlainList(items)) return `${kind}, ${plural(items.length, "item")}`;
  const shown = items.slice(0, MAX_ON_A_LINE).map((item) => describeValue(item));
  if (items.length > MAX_ON_A_LINE) shown.push(`... ${plural(items.length, "item")} in all`);
  const listed = shown.join(", ");
  if (kind === "list") return `[${listed}]`;
  if (kind === "tuple") return `(${listed}${items.length === 1 ? "," : ""})`;
  if (items.length === 0) return `${kind}()`;
  return kind === "set" ? `{${listed}}` : `${kind}({${listed}})`;
}

/** The same as JSON: the whole value, tensors by dtype and shape. */
export function treeJson(root: PyValue): JsonValue {
  return jsonValue(root);
}
