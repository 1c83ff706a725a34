import { LtrainError } from "../errors.js";
import { revivedError } from "../io/threadFailure.js";
import { WorkerThread } from "../io/workerThread.js";
import type { PackedJob } from "./packedJob.js";
import type { SavedFile } from "./saveOrder.js";
import type { SnapshotMemory } from "./snapshotMemory.js";
import type { WriterAnswer, WriterRequest } from "./writerMessages.js";

/** The module that the thread runs, built: a thread of Node's takes no TypeScript. It is the same seen from src and dist. */
const WRITER = new URL("../../dist/checkpoint/writerThread.js", import.meta.url);

/** A thread that writes checkpoints, one at a time, and the memory that goes to it and comes back. */
export class BackgroundWriter {
  readonly #memory: SnapshotMemory;
  #thread: WorkerThread | null = null;
  #waiting: { resolve(answer: WriterAnswer): void; reject(error: Error): void } | null = null;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(memory: SnapshotMemory) {
    this.#memory = memory;
  }

  /** Do a job whose storages lie in the memory; it comes back when the job is over, however it ended. */
  async run(job: PackedJob): Promise<readonly SavedFile[]> {
    const answer = await this.#ask(() => {
      const buffers = this.#memory.lend();
      return { request: { kind: "save", job, buffers }, transfer: buffers };
    });
    if (answer.kind === "failed") throw revivedError(answer.failure);
    return answer.kind === "saved" ? answer.saved : [];
  }

  /** Have buffers of these sizes made ready, so that the first moment that is copied there costs no more than others. */
  async warm(sizes: readonly number[]): Promise<void> {
    await this.#ask(() => ({ request: { kind: "memory", sizes }, transfer: [] }));
  }

  /** End the thread; what it has not finished is lost. */
  async close(): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    await thread?.close();
  }

  /** One question at a time. */
  #ask(
    make: () => { readonly request: WriterRequest; readonly transfer: readonly ArrayBuffer[] },
  ): Promise<WriterAnswer> {
    const asked = this.#tail.then(async () => {
      const thread = (this.#thread ??= this.#start());
      const { request, transfer } = make();
      thread.hold();
      try {
        const answer = await new Promise<WriterAnswer>((resolve, reject) => {
          this.#waiting = { resolve, reject };
          thread.post(request, transfer);
        });
        this.#memory.giveBack(answer.buffers);
        return answer;
      } finally {
        this.#waiting = null;
        thread.release();
      }
    });
    this.#tail = asked.catch(() => undefined);
    return asked;
  }

  #start(): WorkerThread {
    return new WorkerThread(WRITER, null, {
      message: (answer) => this.#waiting?.resolve(answer as WriterAnswer),
      failed: (reason) => {
        this.#thread = null;
        this.#waiting?.reject(
          new LtrainError("io.failed", `the thread that writes checkpoints is gone: ${reason}`, {
            hint: "with trainer.async_checkpoints: false they are written without it",
          }),
        );
      },
    });
  }
}
