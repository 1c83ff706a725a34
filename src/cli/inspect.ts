import { emptyCheckpoint } from "../checkpoint/checkpoint.js";
import type { OpenedFile } from "../checkpoint/openCheckpoint.js";
import { openCheckpoint } from "../checkpoint/openCheckpoint.js";
import { parseCheckpoint } from "../checkpoint/parseCheckpoint.js";
import { summarizeCheckpoint } from "../checkpoint/summarizeCheckpoint.js";
import { PyDict } from "../pickle/values.js";
import type { Terminal } from "../io/console.js";
import { inspectionJson } from "./inspectJson.js";
import { describeCheckpoint, describeKeys } from "./inspectText.js";
import type { Inspection } from "./inspection.js";
import { locateCheckpoint } from "./locate.js";
import { jsonText } from "./printable.js";

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
    const inspection = await inspect(file);
    const text = options.json
      ? jsonText(inspectionJson(inspection), 2)
      : await (options.keys ? describeKeys : describeCheckpoint)(inspection, terminal.stdout);
    terminal.stdout.write(`${text}\n`);
  } finally {
    await file.close();
  }
  return 0;
}

/** A file whose root is no dict still has tensors to show. */
async function inspect(file: OpenedFile): Promise<Inspection> {
  const checkpoint = file.root instanceof PyDict ? parseCheckpoint(file.root, file.path) : emptyCheckpoint();
  return { file, checkpoint, summary: await summarizeCheckpoint(checkpoint) };
}
