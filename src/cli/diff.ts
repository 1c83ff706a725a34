import type { CheckpointDiff } from "../checkpoint/diffCheckpoints.js";
import { diffCheckpoints, isEqual } from "../checkpoint/diffCheckpoints.js";
import type { OpenedFile } from "../checkpoint/openCheckpoint.js";
import { atPath, openCheckpoint } from "../checkpoint/openCheckpoint.js";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { writeTextAtomically } from "../io/textFile.js";
import { PyDict } from "../pickle/values.js";
import { ByteProgress } from "./byteProgress.js";
import { diffJson } from "./diffJson.js";
import { diffText } from "./diffText.js";
import { locateCheckpoint } from "./locate.js";
import { jsonDocument } from "./jsonWriter.js";
import { printable } from "./printable.js";
import { plural } from "./units.js";

/** What `ltrain diff` was asked for. */
export interface DiffCommandOptions {
  readonly paths: readonly string[];
  readonly rtol: number;
  readonly atol: number;
  readonly equalNan: boolean;
  readonly keysOnly: boolean;
  readonly weights: boolean;
  /** The counts alone. */
  readonly stat: boolean;
  /** Where the names of renamed tensors go. */
  readonly map?: string;
  readonly json: boolean;
}

/** A difference is no failure, and no success: scripts and git ask for this code. */
const DIFFERENT = 1;

/** `ltrain diff`: what differs between two checkpoints. */
export async function runDiff(options: DiffCommandOptions, terminal: Terminal): Promise<number> {
  const { a, b, label, byGit } = sidesOf(options.paths);
  const [left, right] = await openBoth(a, b, terminal);
  try {
    const diff = await compare(left, right, options, terminal);
    const names = { a: label ?? left.path, b: label ?? right.path };
    if (options.json) terminal.stdout.write(jsonDocument(diffJson(diff, left, right), 2));
    else if (!isEqual(diff)) terminal.stdout.write(`${await diffText(diff, names, options, terminal.stdout)}\n`);
    if (options.map !== undefined) await writeMap(options.map, diff, terminal);
    // git takes any other code of an external diff for a crash.
    return isEqual(diff) || byGit ? 0 : DIFFERENT;
  } finally {
    await left.close();
    await right.close();
  }
}

interface Sides {
  readonly a: string;
  readonly b: string;
  /** What git calls the file; its sides are temporary. */
  readonly label?: string;
  readonly byGit: boolean;
}

/** `A B`, or what git gives: `path old-file old-hex old-mode new-file new-hex new-mode`, and two more for a rename. */
function sidesOf(paths: readonly string[]): Sides {
  const [first, second, , , fifth] = paths;
  if (first !== undefined && second !== undefined) {
    if (paths.length === 2) return { a: first, b: second, byGit: false };
    if ((paths.length === 7 || paths.length === 9) && fifth !== undefined) {
      return { a: second, b: fifth, label: first, byGit: true };
    }
  }
  throw new LtrainError("usage.invalid", `diff needs two files, and got ${paths.length}`, {
    hint: "for example: ltrain diff old.ckpt new.ckpt",
  });
}

async function openBoth(a: string, b: string, terminal: Terminal): Promise<[OpenedFile, OpenedFile]> {
  const left = await open(a, terminal);
  try {
    return [left, await open(b, terminal)];
  } catch (error) {
    await left.close();
    throw error;
  }
}

/** git's word for a side that is not there. */
const NOTHING = "/dev/null";

async function open(path: string, terminal: Terminal): Promise<OpenedFile> {
  if (path !== NOTHING) return openCheckpoint((await locateCheckpoint(path, terminal)).path);
  return {
    path,
    format: "other",
    byteLength: 0,
    root: new PyDict(),
    globals: [],
    foreignGlobals: [],
    metadata: new Map(),
    remarks: [],
    parts: [],
    close: () => Promise.resolve(),
  };
}

async function compare(
  left: OpenedFile,
  right: OpenedFile,
  options: DiffCommandOptions,
  terminal: Terminal,
): Promise<CheckpointDiff> {
  const progress = new ByteProgress("comparing", left.byteLength, terminal.stderr);
  try {
    return await diffCheckpoints(left.root, right.root, {
      tolerance: options,
      keysOnly: options.keysOnly,
      weightsOnly: options.weights,
      heard: progress.add,
    });
  } catch (error) {
    throw atPath(`${left.path} or ${right.path}`, error);
  } finally {
    progress.end();
  }
}

/** A plain object of old names to new ones; `__proto__` is a name like any other. */
async function writeMap(path: string, { renamed }: CheckpointDiff, terminal: Terminal): Promise<void> {
  const members = renamed.map(({ from, to }) => `  ${JSON.stringify(from)}: ${JSON.stringify(to)}`);
  await writeTextAtomically(path, members.length === 0 ? "{}\n" : `{\n${members.join(",\n")}\n}\n`);
  terminal.stderr.write(`wrote ${printable(path)}: ${plural(renamed.length, "renamed tensor")}\n`);
}
