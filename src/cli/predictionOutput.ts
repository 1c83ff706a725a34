import { extname } from "node:path";
import { LtrainError } from "../errors.js";
import { writeFileAtomically } from "../io/atomicFile.js";
import type { ByteSink } from "../io/byteSink.js";
import type { Terminal } from "../io/console.js";
import { standardOutput } from "../io/standardOutput.js";
import { statusOf } from "../io/textFile.js";
import { didYouMean } from "../nearest.js";
import { STANDARD_OUTPUT } from "./outputFile.js";
import type { PredictionFormat } from "./predictionRows.js";

/** Where predictions go, and in which form. */
export interface PredictionOutput {
  /** null: standard output. */
  readonly path: string | null;
  readonly format: PredictionFormat;
}

const FORMATS = ["csv", "jsonl", "npy"] as const satisfies readonly PredictionFormat[];
const FORMAT_OF_EXTENSION: Readonly<Record<string, PredictionFormat>> = {
  ".csv": "csv",
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".npy": "npy",
};

/** Decide path and format; a file that is there is only replaced with --force. */
export async function choosePredictionOutput(args: {
  readonly output?: string;
  readonly format?: string;
  readonly force: boolean;
}): Promise<PredictionOutput> {
  const { output = STANDARD_OUTPUT, force } = args;
  const asked = args.format === undefined ? undefined : parseFormat(args.format);
  if (output === STANDARD_OUTPUT) return { path: null, format: asked ?? "jsonl" };
  const byName = FORMAT_OF_EXTENSION[extname(output).toLowerCase()];
  const format = asked ?? byName;
  if (format === undefined) {
    throw new LtrainError("argument.invalid", `the name ${output} does not say how to write predictions`, {
      hint: "end it in .csv, .jsonl or .npy, or say --format",
    });
  }
  if (byName !== undefined && byName !== format) {
    throw new LtrainError("argument.invalid", `--format ${format} does not go with the name ${output}`, {
      hint: "readers go by the extension; leave --format out, or change the name",
    });
  }
  if (!force && (await statusOf(output)) !== undefined) {
    throw new LtrainError("output.refused", `${output} exists already`, {
      hint: "give another name with -o, or replace it with --force",
    });
  }
  return { path: output, format };
}

function parseFormat(text: string): PredictionFormat {
  const format = FORMATS.find((each) => each === text);
  if (format !== undefined) return format;
  throw new LtrainError("argument.invalid", `--format is csv, jsonl or npy, not "${text}"`, {
    hint: didYouMean(text, FORMATS) ?? "jsonl takes everything that a predictStep may give",
  });
}

/** Run `body` with a place for the bytes; a file appears when all of it is written, and not at all when it fails. */
export async function withPredictionSink(
  { path, format }: PredictionOutput,
  terminal: Terminal,
  body: (sink: ByteSink) => Promise<void>,
): Promise<void> {
  if (path !== null) await writeFileAtomically(path, body);
  else if (format === "npy") await body(binarySink(terminal));
  else await body(textSink(terminal));
}

function binarySink(terminal: Terminal): ByteSink {
  if (!terminal.stdout.isTTY) return standardOutput();
  throw new LtrainError("usage.invalid", "npy is for programs, and standard output is a terminal", {
    hint: "pipe it into another program, name a file, or take --format csv",
  });
}

/** Whoever reads no further ends it: `ltrain predict | head` is no failure. */
function textSink({ stdout }: Terminal): ByteSink {
  const decoder = new TextDecoder();
  let isRead = true;
  return {
    write: async (bytes) => {
      if (!isRead) return;
      stdout.write(decoder.decode(bytes, { stream: true }));
      isRead = await stdout.drained();
    },
  };
}
