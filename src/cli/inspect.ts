import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { emptyCheckpoint } from "../checkpoint/checkpoint.js";
import type { OpenedFile } from "../checkpoint/openCheckpoint.js";
import { atPath, openCheckpoint } from "../checkpoint/openCheckpoint.js";
import { parseCheckpoint } from "../checkpoint/parseCheckpoint.js";
import type { Terminal } from "../io/console.js";
import { PyDict } from "../pickle/values.js";
import { locateCheckpoint } from "./locate.js";

/** What `ltrain inspect` was asked for. */
export interface InspectOptions {
  /** A file, or a folder whose newest checkpoint is meant. */
  readonly path: string;
  /** The table of every key instead of the summary. */
  readonly keys: boolean;
  readonly json: boolean;
}

/** `ltrain inspect`: what is inside a file, read lazily, with nothing in it run. */
export async function runInspect(options: InspectOptions, terminal: Terminal): Promise<number> {
  const { path } = await locateCheckpoint(options.path, terminal);
  const file = await openCheckpoint(path);
  try {
    terminal.stdout.write(`${await describe(file, options, terminal)}\n`);
  } catch (error) {
    throw atPath(path, error);
  } finally {
    await file.close();
  }
  return 0;
}

/** What each form of the answer needs is loaded when it is the one asked for. */
async function describe(file: OpenedFile, options: InspectOptions, terminal: Terminal): Promise<string> {
  const checkpoint = parseOrEmpty(file);
  if (options.keys && !options.json) {
    const { describeKeys } = await import("./inspectKeys.js");
    return describeKeys(checkpoint.stateDict, file.root, terminal.stdout);
  }
  const { summarizeCheckpoint } = await import("../checkpoint/summarizeCheckpoint.js");
  const inspection = { file, checkpoint, summary: await summarizeCheckpoint(checkpoint) };
  if (options.json) {
    const [{ inspectionJson }, { jsonText }] = await Promise.all([
      import("./inspectJson.js"),
      import("./printable.js"),
    ]);
    return jsonText(inspectionJson(inspection), 2);
  }
  const { describeCheckpoint } = await import("./inspectText.js");
  return describeCheckpoint(inspection, terminal.stdout);
}

/** A file whose root is no dict still has tensors to show. */
function parseOrEmpty(file: OpenedFile): Checkpoint {
  return file.root instanceof PyDict ? parseCheckpoint(file.root, file.path) : emptyCheckpoint();
}
