import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";

/** Where the content of a member lies in a tar archive. */
export interface TarMember {
  readonly start: number;
  readonly byteLength: number;
}

const BLOCK = 512;
/** torch 0.1 wrote four members, and pax writes a header before each. */
const MAX_MEMBERS = 64;
/** Member types with content of their own: a file, spelled in two ways. */
const FILE_TYPES: ReadonlySet<string> = new Set(["0", "\0"]);

/** The members of an uncompressed tar archive (ustar, pax or GNU) by name; directories and extended headers are passed over. */
export async function readTar(source: ByteSource): Promise<ReadonlyMap<string, TarMember>> {
  const members = new Map<string, TarMember>();
  let at = 0;
  for (let count = 0; at + BLOCK <= source.byteLength; count += 1) {
    const header = await source.read(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) break;
    if (count === MAX_MEMBERS) throw malformed(`the archive has more than ${MAX_MEMBERS} members`);
    const byteLength = sizeOf(header, at);
    const start = at + BLOCK;
    if (start + byteLength > source.byteLength) {
      throw malformed(
        `the file is cut short: the member at byte ${at} should end at byte ${start + byteLength}, and the file ends at byte ${source.byteLength}`,
      );
    }
    const type = text(header, 156, 1) === "" ? "\0" : text(header, 156, 1);
    if (FILE_TYPES.has(type)) members.set(text(header, 0, 100), { start, byteLength });
    at = start + Math.ceil(byteLength / BLOCK) * BLOCK;
  }
  return members;
}

/** Octal digits, or from 8 GiB on a big-endian number behind a set bit. */
function sizeOf(header: Uint8Array, at: number): number {
  const [first = 0] = header.subarray(124, 125);
  const size =
    (first & 0x80) === 0
      ? Number.parseInt(text(header, 124, 12).trim() || "0", 8)
      : header.subarray(128, 136).reduce((sum, byte) => sum * 256 + byte, 0);
  if (!Number.isSafeInteger(size) || size < 0) throw malformed(`the member at byte ${at} has no size`);
  return size;
}

function text(header: Uint8Array, start: number, length: number): string {
  const field = Buffer.from(header.subarray(start, start + length)).toString("latin1");
  const end = field.indexOf("\0");
  return end < 0 ? field : field.slice(0, end);
}

function malformed(message: string): LtrainError {
  return new LtrainError("checkpoint.malformed", message, {
    hint: "the file may be damaged or cut short; compare it with the original",
  });
}
