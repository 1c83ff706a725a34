import { isPlain } from "./textWidth.js";

/**
 * What a terminal would act on instead of showing: C0 and C1 controls (escape sequences begin with one), line and
 * paragraph separators, marks that turn the reading direction, invisible joiners, and halves of surrogate pairs.
 */
const UNPRINTABLE =
  // eslint-disable-next-line no-control-regex -- these are the very characters to catch
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]|\p{Surrogate}/gu;

/** A string from a file as one harmless line: what would move the cursor or hide text is shown as its escape. */
export function printable(text: string): string {
  return isPlain(text) ? text : text.replace(UNPRINTABLE, escapeOf);
}

/** The same for a text of several lines of our own. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

function escapeOf(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x100) return SHORT_ESCAPES[code] ?? `\\x${code.toString(16).padStart(2, "0")}`;
  return `\\u${code.toString(16).padStart(4, "0")}`;
}

const SHORT_ESCAPES: Readonly<Record<number, string>> = { 9: "\\t", 10: "\\n", 13: "\\r" };

/** JSON that is harmless on a terminal too: what printable() would escape is escaped the JSON way. */
export function jsonText(value: unknown, indent?: number): string {
  const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  // Line ends between the members are ours; inside strings JSON.stringify has escaped them already.
  return JSON.stringify(value, null, indent).replace(UNPRINTABLE, (character) =>
    character === "\n" ? character : escape(character),
  );
}
