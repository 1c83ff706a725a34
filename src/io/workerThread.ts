import { MessageChannel, Worker, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { MessagePort, Transferable } from "node:worker_threads";
import { LtrainError } from "../errors.js";

/** What a thread is started with. */
interface ThreadData {
  readonly port: MessagePort;
  readonly data: unknown;
}

/** Who is told of what comes from a thread. */
export interface ThreadListener {
  message(message: unknown): void;
  /** The thread is gone, and nobody closed it; called once. */
  failed(reason: string): void;
}

/**
 * A thread that runs a module of ours, and the messages to and from it. It keeps no process alive: only whoever waits
 * for a message does.
 */
export class WorkerThread {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #listener: ThreadListener;
  #isOver = false;

  /** `data` is copied to the thread, memory that is shared excepted. */
  constructor(module: URL, data: unknown, listener: ThreadListener) {
    if (threadData() !== undefined) {
      throw new LtrainError("argument.invalid", "a data worker cannot start workers of its own", {
        hint: "a worker imports the file of its dataset: keep what starts a training in another file",
      });
    }
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#listener = listener;
    this.#worker = new Worker(module, {
      workerData: { port: port2, data } satisfies ThreadData,
      transferList: [port2],
      // A flag of `node -e`, which a thread that runs a file refuses.
      execArgv: process.execArgv.filter((flag) => !flag.startsWith("--input-type")),
    });
    port1.on("message", (message) => {
      listener.message(message);
    });
    this.#worker.on("error", (error: unknown) => {
      this.#fail(error instanceof Error ? error.message : String(error));
    });
    this.#worker.on("exit", (code) => {
      this.#fail(`it ended with code ${code}`);
    });
    this.#worker.unref();
    port1.unref();
  }

  /** `transfer` moves memory instead of copying it. */
  post(message: unknown, transfer: readonly ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer as Transferable[]);
  }

  /** Hear what has come already, without waiting for the event loop to turn. */
  drain(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) this.#listener.message(next.message);
  }

  /** Keep the process alive until `release`: somebody waits for a message. */
  hold(): void {
    this.#port.ref();
    this.#worker.ref(); // its end is news too
  }
  release(): void {
    this.#port.unref();
    this.#worker.unref();
  }

  /** End the thread, whatever it is doing. */
  async close(): Promise<void> {
    this.#isOver = true;
    this.#port.close();
    await this.#worker.terminate();
  }

  #next(): { readonly message: unknown } | undefined {
    return receiveMessageOnPort(this.#port);
  }

  #fail(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.drain(); // what it said before it ended
    this.#listener.failed(reason);
  }
}

/** The other end, for the module that runs in the thread. */
export interface ThreadPort {
  /** What the thread was started with. */
  readonly data: unknown;
  /** `transfer` moves memory instead of copying it. */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
}

/** Answer the messages to this thread. */
export function serveThread(answer: (port: ThreadPort) => (message: unknown) => void): void {
  const started = threadData();
  if (started === undefined) throw new Error("this is no thread of WorkerThread's");
  const { port, data } = started;
  const hear = answer({
    data,
    post: (message, transfer = []) => {
      port.postMessage(message, transfer as Transferable[]);
    },
  });
  port.on("message", hear);
}

function threadData(): ThreadData | undefined {
  const data = workerData as Partial<ThreadData> | null | undefined;
  return data?.port === undefined ? undefined : (data as ThreadData);
}
