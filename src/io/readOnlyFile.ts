import { closeSync, fstatSync, openSync, read, readSync } from "node:fs";
import type { FileStatus, OpenFile } from "./openFile.js";
import { statusOf } from "./openFile.js";

/** Up to this many bytes a read is over sooner than a thread of the pool has been asked for it. */
const READ_AT_ONCE = 1 << 19;
/** After so many bytes timers and signals get their turn first. */
const TURN_BYTES = 1 << 24;

/**
 * A file that is only read. What is quick is done at once, and no thread pool is started for it: to list what is in a
 * checkpoint takes three small reads. Large reads go on beside whoever waits for them.
 */
export class ReadOnlyFile implements OpenFile {
  readonly #descriptor: number;
  #reading = 0;
  #atOnce = 0;
  #allRead: (() => void) | undefined;

  constructor(path: string) {
    this.#descriptor = openSync(path, "r");
  }

  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const readNow = (): number => readSync(this.#descriptor, buffer, offset, length, position);
      if (length > READ_AT_ONCE) {
        this.#reading += 1;
        read(this.#descriptor, buffer, offset, length, position, (error, count) => {
          this.#isRead();
          if (error === null) resolve(count);
          else reject(error);
        });
        return;
      }
      this.#atOnce += length;
      if (this.#atOnce < TURN_BYTES) {
        resolve(readNow());
        return;
      }
      this.#atOnce = 0;
      this.#reading += 1;
      const turn = new Promise<void>((over) => {
        setImmediate(over);
      });
      resolve(
        turn.then(readNow).finally(() => {
          this.#isRead();
        }),
      );
    });
  }

  #isRead(): void {
    this.#reading -= 1;
    if (this.#reading === 0) this.#allRead?.();
  }

  write(): Promise<number> {
    return Promise.reject(new TypeError("the file was opened to be read"));
  }

  status(): Promise<FileStatus> {
    return new Promise((resolve) => {
      resolve(statusOf(fstatSync(this.#descriptor)));
    });
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  /** Waits for the reads that are under way: their number must not become another file's. */
  async close(): Promise<void> {
    if (this.#reading > 0) {
      await new Promise<void>((resolve) => {
        this.#allRead = resolve;
      });
    }
    closeSync(this.#descriptor);
  }
}
