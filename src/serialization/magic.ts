/** What a file that is none of ours is, and what to do about it. */
export interface ForeignFile {
  readonly description: string;
  readonly hint?: string;
}

interface Magic extends ForeignFile {
  readonly offset?: number;
  readonly bytes: readonly number[] | string;
}

const UNPACK = "unpack it first, and give the file inside";

/** First bytes of files that people mistake for checkpoints; text is matched as latin-1. */
const MAGIC: readonly Magic[] = [
  { bytes: [0x1f, 0x8b], description: "a gzip file", hint: "unpack it first (gunzip)" },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], description: "a zstd file", hint: "unpack it first (zstd -d)" },
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], description: "an xz file", hint: "unpack it first (unxz)" },
  { bytes: "BZh", description: "a bzip2 file", hint: "unpack it first (bunzip2)" },
  { bytes: [0x04, 0x22, 0x4d, 0x18], description: "an lz4 file", hint: UNPACK },
  { bytes: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], description: "a 7-zip archive", hint: UNPACK },
  { bytes: "Rar!\x1a\x07", description: "a RAR archive", hint: UNPACK },
  { bytes: "%PDF", description: "a PDF document" },
  { bytes: "\x7fELF", description: "an ELF program or library" },
  { bytes: "MZ", description: "a Windows program or library" },
  { bytes: [0xcf, 0xfa, 0xed, 0xfe], description: "a macOS program or library" },
  { bytes: [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a], description: "an HDF5 file (Keras .h5)" },
  { offset: 4, bytes: "TFL3", description: "a TensorFlow Lite model" },
  { bytes: "GGUF", description: "a GGUF model" },
  { bytes: [0x89, 0x50, 0x4e, 0x47], description: "a PNG picture" },
  { bytes: [0xff, 0xd8, 0xff], description: "a JPEG picture" },
  { bytes: "PAR1", description: "a Parquet file" },
  { bytes: "SQLite format 3", description: "an SQLite database" },
  {
    bytes: "version https://git-lfs",
    description: "a git-lfs pointer, which stands in for the file",
    hint: "fetch the file itself with `git lfs pull`",
  },
  { bytes: "#!", description: "a script" },
];

/** What a file is by its first bytes, undefined when they say nothing. */
export function describeBytes(head: Uint8Array): ForeignFile | undefined {
  if (head.byteLength === 0) return { description: "an empty file", hint: "the copy or download may have failed" };
  const found = MAGIC.find(({ offset = 0, bytes }) => startsWith(head, bytes, offset));
  return (
    found ??
    describeText(
      Buffer.from(head)
        .toString("latin1")
        .replace(/^\u00ef\u00bb\u00bf/, ""),
    )
  );
}

/** A web server's answer and other text where a checkpoint should be. */
function describeText(text: string): ForeignFile | undefined {
  const page = "open it in a text editor: a download may have brought an error message instead of the file";
  if (/^\s*<(!doctype html|html)/i.test(text)) return { description: "a web page (HTML)", hint: page };
  if (/^\s*<(\?xml|[a-z])/i.test(text)) return { description: "an XML document", hint: page };
  if (/^\s*[{[]\s*["{[\]}]/.test(text)) return { description: "a JSON document", hint: page };
  // A pickle of protocol 0 is text too, and ends in a full stop.
  if (/^[\t\n\r\x20-\x7e]*$/.test(text) && !looksLikeTextPickle(text))
    return { description: "a text file", hint: page };
  return undefined;
}

/** Whether `head` has these bytes at `offset`. */
export function startsWith(head: Uint8Array, bytes: readonly number[] | string, offset = 0): boolean {
  const wanted = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : Uint8Array.from(bytes);
  return head.byteLength >= offset + wanted.byteLength && wanted.every((byte, i) => head[offset + i] === byte);
}

/** torch's magic number, 0x1950a86a20f9469cfc6c, as a little-endian LONG1. */
const LEGACY_NUMBER = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/** The same number as protocols 0 and 1 spell it. */
const LEGACY_TEXT = "L119547037146038801333356L\n";

/** A file begins with the pickled number that torch before 1.6 put there, in any protocol; a cut one with what is left of it. */
export function isLegacyTorch(head: Uint8Array): boolean {
  if (startsWith(head, LEGACY_TEXT)) return true;
  if (head[0] !== 0x80) return false;
  // Protocols 4 and 5 put a frame of 9 bytes between.
  return startsWith(head, LEGACY_NUMBER, 2) || startsWith(head, LEGACY_NUMBER, 11);
}

const USTAR_OFFSET = 257;

/** A tar archive, by the word in its first header. */
export function isTar(head: Uint8Array): boolean {
  return startsWith(head, "ustar", USTAR_OFFSET);
}

/** Pickle: PROTO and a protocol that exists, or the text opcodes that a class or a container begins with. */
export function looksLikePickle(head: Uint8Array): boolean {
  const protocol = head[1] ?? 0;
  if (head[0] === 0x80 && protocol >= 2 && protocol <= 5) return true;
  return looksLikeTextPickle(Buffer.from(head).toString("latin1"));
}

function looksLikeTextPickle(text: string): boolean {
  return /^(c[\w.]+\n[\w.]+\n|\(([dlit]|[lt]p\d+\n|dp\d+\n|c[\w.]+\n[\w.]+\n)|[FIL]-?\d[\d.eL+-]*\n\.)/.test(text);
}
