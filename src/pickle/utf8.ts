/** Text of UTF-8 bytes in which lone surrogates are spelled out, as Python's "surrogatepass"; undefined when they are not that. */
export function decodeUtf8(bytes: Buffer, start = 0, end = bytes.byteLength): string | undefined {
  const text = bytes.toString("utf8", start, end);
  // The replacement character is in the bytes, or stands for something that the fast decoder does not know.
  return text.includes("\ufffd") ? decodeSlowly(bytes, start, end) : text;
}

/** The smallest code point that needs so many bytes: a longer spelling of it is not allowed. */
function smallestOf(length: number): number {
  return length === 4 ? 0x10000 : length === 3 ? 0x800 : length === 2 ? 0x80 : 0;
}

function decodeSlowly(bytes: Uint8Array, start: number, end: number): string | undefined {
  const parts: string[] = [];
  for (let at = start; at < end;) {
    const first = bytes[at] ?? 0;
    const length = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
    if (length === 0 || at + length > end) return undefined;
    let point = length === 1 ? first : first & (0x7f >> length);
    for (let i = 1; i < length; i += 1) {
      const next = bytes[at + i] ?? 0;
      if ((next & 0xc0) !== 0x80) return undefined;
      point = (point << 6) | (next & 0x3f);
    }
    if (point < smallestOf(length) || point > 0x10ffff) return undefined;
    parts.push(String.fromCodePoint(point));
    at += length;
  }
  return parts.join("");
}

/** UTF-8 bytes of a text; a lone surrogate is spelled out, as Python's "surrogatepass". */
export function encodeUtf8(text: string): Uint8Array {
  if (!/\p{Surrogate}/u.test(text)) return Buffer.from(text, "utf8");
  const parts: Uint8Array[] = [];
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    const lone = point >= 0xd800 && point <= 0xdfff;
    parts.push(
      lone
        ? Uint8Array.of(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f))
        : Buffer.from(character),
    );
  }
  return Buffer.concat(parts);
}
