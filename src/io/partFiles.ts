import type { ByteSource } from "./byteSource.js";
import type { FileOperations } from "./fileOperations.js";
import type { FileSource } from "./fileSource.js";
import { besideOf, openLocation } from "./location.js";

/** So many files of one checkpoint are open at once: systems allow a thousand to a process, and there may be more parts. */
const MAX_OPEN = 64;

interface OpenPart {
  readonly source: Promise<FileSource>;
  reads: number;
}

/** The files that lie beside one another and are one checkpoint; each is opened when it is read, and closed when others need its place. */
export class PartFiles {
  readonly #base: string;
  readonly #options: { readonly files?: FileOperations };
  /** In the order of their last use. */
  readonly #open = new Map<string, OpenPart>();

  /** `base` is one of the files. */
  constructor(base: string, options: { readonly files?: FileOperations } = {}) {
    this.#base = base;
    this.#options = options;
  }

  /** A file whole. It counts as one of the open ones until `close`. */
  async file(name: string): Promise<ByteSource> {
    const { byteLength } = await this.#use(name, (source) => Promise.resolve(source));
    return this.part(name, 0, byteLength);
  }

  /** The range of a file that begins at `start`; the file is opened when the first byte is asked for. */
  part(name: string, start: number, byteLength: number): ByteSource {
    const read = (from: number, to: number): Promise<Uint8Array> =>
      this.#use(name, (source) => source.read(start + from, start + to));
    return { byteLength, read };
  }

  /** Close every file that is open. */
  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map((part) => closePart(part)));
  }

  async #use<T>(name: string, use: (source: FileSource) => Promise<T>): Promise<T> {
    const part = this.#open.get(name) ?? { source: openLocation(besideOf(this.#base, name), this.#options), reads: 0 };
    this.#open.delete(name);
    this.#open.set(name, part);
    part.reads += 1;
    try {
      return await use(await part.source);
    } catch (error) {
      if (await isMissing(part)) this.#open.delete(name);
      throw error;
    } finally {
      part.reads -= 1;
      await this.#closeOldest();
    }
  }

  async #closeOldest(): Promise<void> {
    if (this.#open.size <= MAX_OPEN) return;
    for (const [name, part] of this.#open) {
      if (part.reads > 0) continue;
      this.#open.delete(name);
      await closePart(part);
      return;
    }
  }
}

/** Whether the file could not be opened at all. */
async function isMissing(part: OpenPart): Promise<boolean> {
  return part.source.then(
    () => false,
    () => true,
  );
}

async function closePart(part: OpenPart): Promise<void> {
  let source: FileSource;
  try {
    source = await part.source;
  } catch {
    return; // never opened: whoever asked for it knows
  }
  await source.close();
}
