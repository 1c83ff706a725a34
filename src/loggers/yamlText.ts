import { pythonFloat } from "../pickle/pythonFloat.js";
import { LtrainError } from "../errors.js";
import { PyDict, PyFloat, PyTuple } from "../pickle/values.js";
import { styleOf } from "./yamlScalar.js";
import { YamlWriter } from "./yamlWriter.js";

const INDENT = 2;
/** PyYAML's limit is 128 with the key's tag, `!!str`, counted in. */
const LONGEST_SIMPLE_KEY = 122;

/**
 * Plain data as `yaml.dump(data)` writes it: block style, keys sorted, every escape and fold as PyYAML has them. An
 * integral number is an int; a PyFloat is a float whatever its value, a PyTuple a tuple.
 */
export function yamlText(value: unknown): string {
  const writer = new YamlWriter();
  writeNode(writer, value, { indent: -INDENT, inMapping: false, where: "hparams" });
  return writer.finish();
}

interface Place {
  /** Indent of the container the node stands in; the outermost node stands in none. */
  readonly indent: number;
  readonly inMapping: boolean;
  /** The path to the node, for complaints. */
  readonly where: string;
}

function writeNode(writer: YamlWriter, value: unknown, place: Place): void {
  const scalar = scalarText(value);
  if (scalar !== undefined) writer.scalar(scalar, "plain", place.indent + INDENT, true);
  else if (typeof value === "string") writer.scalar(value, styleOf(value), place.indent + INDENT, true);
  else if (value instanceof PyTuple) {
    writer.indicator("!!python/tuple");
    writeList(writer, value.items, place);
  } else if (Array.isArray(value)) writeList(writer, value as readonly unknown[], place);
  else if (value instanceof PyDict) {
    writeMapping(
      writer,
      [...value].map(([key, item]) => [keyOf(key, place.where), item] as const),
      place,
    );
  } else if (isPlainObject(value)) writeMapping(writer, Object.entries(value), place);
  else {
    throw new LtrainError("argument.invalid", `${place.where}: ${typeof value} has no place in a YAML file`, {
      hint: "hyperparameters are numbers, strings, booleans, null, and lists and objects of them",
    });
  }
}

function writeList(writer: YamlWriter, items: readonly unknown[], place: Place): void {
  if (items.length === 0) {
    writer.indicator("[]");
    return;
  }
  // A list under a key stands at the key's own indent.
  const indent = place.inMapping ? place.indent : place.indent + INDENT;
  items.forEach((item, i) => {
    writer.indent(indent);
    writer.indicator("-", { keepsIndent: true });
    writeNode(writer, item, { indent, inMapping: false, where: `${place.where}[${i}]` });
  });
}

function writeMapping(writer: YamlWriter, entries: readonly (readonly [string, unknown])[], place: Place): void {
  const known = entries.filter(([, value]) => value !== undefined);
  if (known.length === 0) {
    writer.indicator("{}");
    return;
  }
  const indent = place.indent + INDENT;
  for (const [key, value] of [...known].sort(([a], [b]) => compareCodePoints(a, b))) {
    const isSimple = isSimpleKey(key);
    writer.indent(indent);
    if (isSimple) {
      writer.scalar(key, styleOf(key), indent, false);
      writer.indicator(":", { glued: true });
    } else {
      writer.indicator("?", { keepsIndent: true });
      writer.scalar(key, styleOf(key), indent + INDENT, true);
      writer.indent(indent);
      writer.indicator(":", { keepsIndent: true });
    }
    // Behind a colon that begins a line, a list is indented like everything else.
    writeNode(writer, value, { indent, inMapping: isSimple, where: `${place.where}.${key}` });
  }
}

/** A key on one line before its colon; an empty or a long one, or one with line breaks, gets a line of its own. */
function isSimpleKey(key: string): boolean {
  return key !== "" && Array.from(key).length <= LONGEST_SIMPLE_KEY && !/[\n\u0085\u2028\u2029]/.test(key);
}

function scalarText(value: unknown): string | undefined {
  if (value === null) return "null";
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "bigint") return String(value);
  if (value instanceof PyFloat) return floatText(value.value);
  if (typeof value !== "number") return undefined;
  return Number.isInteger(value) && Math.abs(value) < 1e16 ? String(value) : floatText(value);
}

/** YAML 1.1 asks for a point in a float: 1e-05 becomes 1.0e-05. */
function floatText(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
  const text = pythonFloat(value);
  return text.includes(".") ? text : text.replace("e", ".0e");
}

function keyOf(key: unknown, where: string): string {
  if (typeof key === "string") return key;
  throw new LtrainError("argument.invalid", `${where}: a key must be a string, got ${typeof key}`);
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // An object of another realm (a user's module, a test) has a prototype of its own that says the same.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Python orders strings by code point, JavaScript by UTF-16 unit: they differ beyond the BMP. */
function compareCodePoints(a: string, b: string): number {
  const left = Array.from(a);
  const right = Array.from(b);
  for (let i = 0; i < Math.min(left.length, right.length); i += 1) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
