/** Characters that take two columns: Chinese, Japanese, Korean, emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
/** Texts of these alone are as wide as they are long, and harmless. */
const PLAIN = /^[\x20-\x7e]*$/;

/** Whether a text is printable ASCII: nearly every name is, and tables have hundreds of thousands of cells. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

/** Columns that a text takes on a terminal. */
export function displayWidth(text: string): number {
  if (isPlain(text)) return text.length;
  let width = 0;
  for (const character of text) width += WIDE.test(character) ? 2 : /\p{Mark}/u.test(character) ? 0 : 1;
  return width;
}

/** A text cut in the middle: names differ at both ends. */
export function shortened(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  const characters = Array.from(text);
  const half = Math.floor((width - 1) / 2);
  return `${take(characters, width - 1 - half)}…${take(characters.reverse(), half, true)}`;
}

function take(characters: readonly string[], width: number, isReversed = false): string {
  const taken: string[] = [];
  let used = 0;
  for (const character of characters) {
    used += displayWidth(character);
    if (used > width) break;
    taken.push(character);
  }
  return (isReversed ? taken.reverse() : taken).join("");
}
