import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { emptyCheckpoint } from "../checkpoint/checkpoint.js";
import type { OpenedFile } from "../checkpoint/openCheckpoint.js";
import { atPath, openCheckpoint } from "../checkpoint/openCheckpoint.js";
import { parseCheckpoint } from "../checkpoint/parseCheckpoint.js";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { isFolder } from "../io/textFile.js";
import { PyDict } from "../pickle/values.js";
import type { InspectOptions, Inspection } from "./inspection.js";
import { locateCheckpoint } from "./locate.js";

/** `ltrain inspect`: what is inside a file, read lazily, with nothing in it run; of a folder, what checkpoints it has. */
export async function runInspect(options: InspectOptions, terminal: Terminal): Promise<number> {
  if (!asksForOneFile(options) && (await isFolder(options.path))) {
    const { checkpointFolderAt } = await import("../checkpoint/checkpointFolder.js");
    if ((await checkpointFolderAt(options.path)) === undefined) {
      await (await import("./inspectFolder.js")).writeFolder(options.path, options, terminal);
      return 0;
    }
  }
  const { path } = await locateCheckpoint(options.path, terminal);
  const file = await openCheckpoint(path);
  try {
    await show({ file, checkpoint: checkpointOf(file) }, options, terminal);
  } catch (error) {
    throw atPath(path, error);
  } finally {
    await file.close();
  }
  return 0;
}

/** Views of one file take a folder's newest. */
function asksForOneFile({ keys, tree, key, stats, sizes, globals, sha256, patterns }: InspectOptions): boolean {
  return keys || tree || key !== undefined || stats || sizes || globals || sha256 || patterns.length > 0;
}

/** What each form of the answer needs is loaded when it is the one asked for. */
async function show(inspection: Inspection, options: InspectOptions, terminal: Terminal): Promise<void> {
  if (options.key !== undefined) {
    await (await import("./inspectKey.js")).writeKey(inspection, options.key, options, terminal);
    return;
  }
  if (options.json) {
    await (await import("./inspectJson.js")).writeInspection(inspection, options, terminal);
    return;
  }
  const views = viewsOf(inspection, options, terminal);
  for (const [index, view] of views.entries()) {
    if (index > 0) terminal.stdout.write("\n");
    await view();
  }
}

type View = () => Promise<void>;

/** The views that were asked for, in one order; the overview when none was. */
function viewsOf(inspection: Inspection, options: InspectOptions, terminal: Terminal): View[] {
  const { stdout } = terminal;
  const { file } = inspection;
  const hasSelection = options.sha256 || options.patterns.length > 0;
  const isOther = options.stats || options.sizes || options.globals || options.tree;
  const views: (View | undefined)[] = [
    options.keys || (hasSelection && !isOther)
      ? async () => (await import("./inspectKeys.js")).writeKeys(inspection, options, terminal)
      : undefined,
    options.tree ? async () => (await import("./inspectTree.js")).writeTree(file.root, stdout) : undefined,
    options.stats
      ? async () => (await import("./inspectStats.js")).writeStats(inspection, options, terminal)
      : undefined,
    options.sizes ? async () => (await import("./inspectSizes.js")).writeSizes(file, stdout) : undefined,
    options.globals ? async () => (await import("./inspectGlobals.js")).writeGlobals(file, stdout) : undefined,
  ];
  const asked = views.filter((view) => view !== undefined);
  if (asked.length > 0) return asked;
  const overview: View = async () => {
    const { describeCheckpoint } = await import("./inspectText.js");
    stdout.write(`${await describeCheckpoint(inspection, stdout)}\n`);
  };
  return [overview];
}

/**
 * The tree as a checkpoint. One that is none (no dict, or parts of types that Lightning does not use) still has tensors
 * to show; only of a file that says it is Lightning's is that a fault.
 */
function checkpointOf(file: OpenedFile): Checkpoint {
  const { root, path } = file;
  if (!(root instanceof PyDict)) return emptyCheckpoint();
  try {
    return parseCheckpoint(root, path);
  } catch (error) {
    if (error instanceof LtrainError && !root.has("pytorch-lightning_version")) return emptyCheckpoint();
    throw error;
  }
}
