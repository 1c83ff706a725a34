import { PyGlobal, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { describeValue } from "./describeValue.js";

/** A dict key that is no string, as Python's repr spells it: `0`, `None`, `(1, 'a')`, `b'\x00'`, `torch.float32`. */
export function pythonRepr(key: PyValue): string {
  if (key instanceof Uint8Array) return pythonBytes(key);
  if (key instanceof PyTuple) return `(${key.items.map(pythonRepr).join(", ")}${key.items.length === 1 ? "," : ""})`;
  if (key instanceof PyGlobal && key.module !== "torch") return `<class '${key.toString()}'>`;
  return key instanceof PyGlobal ? key.toString() : describeValue(key);
}

/** `b'...'`: printable ASCII as it is, the rest as Python escapes it. */
function pythonBytes(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => BYTE_ESCAPES[byte] ?? printableByte(byte)).join("");
  return text.includes("'") && !text.includes('"') ? `b"${text}"` : `b'${text.replaceAll("'", "\\'")}'`;
}

function printableByte(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
}

const BYTE_ESCAPES: Readonly<Record<number, string>> = { 0x09: "\\t", 0x0a: "\\n", 0x0d: "\\r", 0x5c: "\\\\" };
