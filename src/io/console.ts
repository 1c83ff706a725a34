import { fstatSync, writeSync } from "node:fs";
import { errnoOf, systemError } from "./systemError.js";

/** One of the two streams of a terminal, or what stands in for it. */
export interface ConsoleStream {
  readonly isTTY: boolean;
  /** Width in characters now; it changes when the window does. 80 where there is no terminal to ask. */
  readonly columns: number;
  /** Whether colours are wanted here. */
  readonly hasColor: boolean;
  /** Write `text` as it is, without adding a line end. */
  write(text: string): void;
  /** Wait until what was written is on its way; false when nobody reads any more, and the rest need not be made. */
  drained(): Promise<boolean>;
}

/** The only screen there is: data goes to `stdout`, everything said about it to `stderr`. */
export interface Terminal {
  readonly stdout: ConsoleStream;
  readonly stderr: ConsoleStream;
}

const COLUMNS_WITHOUT_TERMINAL = 80;

/** Whether to colour: FORCE_COLOR, then NO_COLOR (no-color.org), then TERM=dumb, then what the stream is. */
export function wantsColor(environment: Readonly<Record<string, string | undefined>>, isTTY: boolean): boolean {
  const force = environment["FORCE_COLOR"];
  if (force !== undefined) return force !== "0" && force !== "false";
  if ((environment["NO_COLOR"] ?? "") !== "") return false;
  return isTTY && environment["TERM"] !== "dumb";
}

/** The terminal of this process; `color` is what the user said outright. */
export function processTerminal(color?: boolean): Terminal {
  return { stdout: processStream("stdout", color), stderr: processStream("stderr", color) };
}

const DESCRIPTORS = { stdout: 1, stderr: 2 } as const;
const STREAMS = { stdout: "the standard output", stderr: "the standard error" } as const;

/**
 * Into a file or a pipe is written at once, which is what node's own streams do there too: to load them takes longer
 * than to read the directory of a checkpoint.
 */
function processStream(name: "stdout" | "stderr", color: boolean | undefined): ConsoleStream {
  return mayBeTerminal(DESCRIPTORS[name]) ? nodeStream(process[name], color) : plainStream(name, color);
}

function mayBeTerminal(descriptor: number): boolean {
  try {
    const status = fstatSync(descriptor);
    return !status.isFile() && !status.isFIFO() && !status.isSocket();
  } catch {
    return true; // closed, perhaps: node's stream knows what to do then
  }
}

function plainStream(name: "stdout" | "stderr", color: boolean | undefined): ConsoleStream {
  let readerIsGone = false;
  /** Takes over when the pipe is full and was made not to wait. */
  let rest: ConsoleStream | undefined;
  const write = (text: string): void => {
    const bytes = Buffer.from(text);
    let done = 0;
    try {
      while (done < bytes.byteLength) done += writeSync(DESCRIPTORS[name], bytes, done);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EAGAIN") {
        rest = nodeStream(process[name], color);
        process[name].write(bytes.subarray(done)); // from where it stopped, be it inside a character
      } else if (errno === "EPIPE" || errno === "EOF") readerIsGone = true;
      else throw systemError(error, "write", `to ${STREAMS[name]}`);
    }
  };
  return {
    isTTY: false,
    columns: COLUMNS_WITHOUT_TERMINAL,
    hasColor: color ?? wantsColor(process.env, false),
    write: (text) => {
      if (rest !== undefined) rest.write(text);
      else if (!readerIsGone) write(text);
    },
    drained: () => rest?.drained() ?? Promise.resolve(!readerIsGone),
  };
}

/** `isTTY` and `columns` are absent where there is no terminal, whatever their types say. */
type MaybeTerminal = Omit<NodeJS.WriteStream, "isTTY" | "columns"> & { isTTY?: boolean; columns?: number };

function nodeStream(stream: MaybeTerminal, color: boolean | undefined): ConsoleStream {
  let readerIsGone = false;
  // `ltrain inspect x | head -1` ends the pipe early. That is no failure of ours, and no reason to end a training run
  // whose log reader has gone: what follows is written to nobody.
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && !readerIsGone)
      throw systemError(error, "write", `to ${stream === process.stderr ? STREAMS.stderr : STREAMS.stdout}`);
    readerIsGone = true;
  });
  return {
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      const { columns } = stream;
      return columns !== undefined && columns > 0 ? columns : COLUMNS_WITHOUT_TERMINAL;
    },
    get hasColor() {
      return color ?? wantsColor(process.env, stream.isTTY === true);
    },
    write: (text) => {
      if (!readerIsGone) stream.write(text);
    },
    drained: async () => {
      if (!readerIsGone && stream.writableNeedDrain) {
        await new Promise<void>((resolve) => {
          const done = (): void => {
            stream.off("drain", done).off("close", done);
            resolve();
          };
          stream.on("drain", done).on("close", done);
        });
      }
      // An error of the pipe is told in a later turn of the event loop than the write that met it.
      await new Promise((resolve) => setImmediate(resolve));
      return !readerIsGone;
    },
  };
}

/** What a recording terminal pretends to be. */
export interface RecordingOptions {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly hasColor?: boolean;
}

/** A terminal that remembers what was written to it, for tests. */
export interface RecordingTerminal extends Terminal {
  /** Everything written to stdout so far. */
  readonly output: string;
  /** Everything written to stderr so far. */
  readonly messages: string;
}

/** A terminal in memory; by default it is no TTY, 80 columns wide and without colours. */
export function recordingTerminal(options: RecordingOptions = {}): RecordingTerminal {
  const written = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr"): ConsoleStream => ({
    isTTY: options.isTTY ?? false,
    columns: options.columns ?? COLUMNS_WITHOUT_TERMINAL,
    hasColor: options.hasColor ?? false,
    write: (text) => {
      written[name] += text;
    },
    drained: () => Promise.resolve(true),
  });
  return {
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    get output() {
      return written.stdout;
    },
    get messages() {
      return written.stderr;
    },
  };
}
