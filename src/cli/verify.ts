import { join } from "node:path";
import { checkpointFiles } from "../checkpoint/checkpointFiles.js";
import { checkpointFolderAt } from "../checkpoint/checkpointFolder.js";
import type { Problem, Verification } from "../checkpoint/verification.js";
import { isSound } from "../checkpoint/verification.js";
import { verifyCheckpoint } from "../checkpoint/verifyCheckpoint.js";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { isUrl } from "../io/location.js";
import { isFolder, listFolder, statusOf } from "../io/textFile.js";
import { ByteProgress } from "./byteProgress.js";
import { jsonDocument } from "./jsonWriter.js";
import { printable } from "./printable.js";
import { formatBytes, plural } from "./units.js";

/** What `ltrain verify` was asked for. */
export interface VerifyCommandOptions {
  /** Files, and folders whose checkpoints are meant. */
  readonly paths: readonly string[];
  readonly json: boolean;
  /** Say nothing of what is sound. */
  readonly quiet: boolean;
}

/** `ltrain verify`: whether files are what they say they are, to the last byte. */
export async function runVerify(options: VerifyCommandOptions, terminal: Terminal): Promise<number> {
  const paths = await expand(options.paths);
  const results: Verification[] = [];
  for (const path of paths) {
    const progress = new ByteProgress(`verifying ${path}`, await sizeOf(path), terminal.stderr);
    let result: Verification;
    try {
      result = await verifyCheckpoint(path, { heard: progress.add });
    } finally {
      progress.end();
    }
    results.push(result);
    if (options.json || isOneError(results, paths)) continue;
    if (!options.quiet || !isSound(result)) terminal.stdout.write(`${textOf(result)}\n`);
  }
  const unsound = results.filter((result) => !isSound(result));
  if (options.json) {
    terminal.stdout.write(jsonDocument({ sound: unsound.length === 0, files: results.map(jsonOf) }, 2));
  } else if (results.length > 1 && !options.quiet) {
    terminal.stdout.write(
      `${plural(results.length, "file")}: ${results.length - unsound.length} sound, ${unsound.length} not\n`,
    );
  }
  if (unsound.length > 0) throw verdict(unsound, paths);
  return 0;
}

/** Bytes of a file, or of the files of a checkpoint that is a folder; 0 where there is nothing to ask, as of an address. */
async function sizeOf(path: string): Promise<number> {
  if (isUrl(path)) return 0;
  if (!(await isFolder(path))) return (await statusOf(path))?.byteLength ?? 0;
  let total = 0;
  for (const { name } of await listFolder(path)) total += (await statusOf(join(path, name)))?.byteLength ?? 0;
  return total;
}

/** Folders become the checkpoints in them; a folder that is a checkpoint stays one. */
async function expand(paths: readonly string[]): Promise<string[]> {
  const all: string[] = [];
  for (const path of paths) {
    if (!(await isFolder(path)) || (await checkpointFolderAt(path)) !== undefined) {
      all.push(path);
      continue;
    }
    const found = await checkpointFiles(path);
    if (found.length === 0) {
      throw new LtrainError("checkpoint.missing", `there is no checkpoint under ${path}`, {
        hint: "looked for *.ckpt, *.pt, *.pth, *.safetensors, *.npz and folders with a .metadata file",
      });
    }
    all.push(...found);
  }
  return all;
}

/** One file of which nothing can be said but why: the error alone says it. */
function isOneError([result]: readonly Verification[], paths: readonly string[]): boolean {
  return paths.length === 1 && result?.problems.length === 1 && result.tensors === null && recordCount(result) === 0;
}

function verdict(unsound: readonly Verification[], paths: readonly string[]): LtrainError {
  const problems = unsound.flatMap((result) => result.problems);
  const [first] = problems;
  const [result] = unsound;
  if (first === undefined || result === undefined) throw new TypeError("nothing is wrong");
  const hint = first.hint === null ? {} : { hint: first.hint };
  if (isOneError(unsound, paths)) return new LtrainError(first.code, prefixed(result.path, first.message), hint);
  // A file that is not what it should be outweighs one that is not there.
  const code = problems.find((problem) => problem.code.startsWith("checkpoint."))?.code ?? first.code;
  const what =
    paths.length === 1
      ? `${result.path} is not sound: ${plural(problems.length, "problem")}`
      : `${unsound.length} of ${paths.length} files are not sound`;
  return new LtrainError(code, what, paths.length === 1 ? hint : {});
}

function prefixed(path: string, message: string): string {
  return message.includes(path) ? message : `${path}: ${message}`;
}

function recordCount({ checksums: { right, wrong, absent } }: Verification): number {
  return right + wrong + absent;
}

function textOf(result: Verification): string {
  const facts = [
    ...(result.format === null ? [] : [result.format]),
    ...(result.byteLength === null ? [] : [formatBytes(result.byteLength)]),
    ...checksumText(result),
    ...(result.tensors === null
      ? []
      : [`${plural(result.tensors, "tensor")} inside ${result.tensors === 1 ? "its storage" : "their storages"}`]),
  ];
  const head = `${isSound(result) ? "sound    " : "NOT SOUND"}  ${printable(result.path)}  ${facts.join(", ")}`;
  return [head, ...result.problems.flatMap(problemLines), ...result.notes.map((note) => `  note: ${note}`)].join("\n");
}

function checksumText({ checksums: { right, wrong, absent } }: Verification): string[] {
  return [
    ...(right > 0 ? [`${plural(right, "checksum")} right`] : []),
    ...(wrong > 0 ? [`${plural(wrong, "record")} failed`] : []),
    ...(absent > 0 ? [`${plural(absent, "checksum")} absent`] : []),
  ];
}

/** A storage may be seen by many tensors; the first few are named. */
const MAX_SHOWN_PATHS = 5;

function problemLines({ message, paths }: Problem): string[] {
  const shown = paths.slice(0, MAX_SHOWN_PATHS).map((path) => `    ${printable(path)}`);
  const more = paths.length > MAX_SHOWN_PATHS ? [`    and ${paths.length - MAX_SHOWN_PATHS} more`] : [];
  return [`  ${printable(message)}`, ...shown, ...more];
}

function jsonOf(result: Verification): unknown {
  return {
    path: result.path,
    sound: isSound(result),
    format: result.format,
    bytes: result.byteLength,
    checksums: result.checksums,
    tensors: result.tensors,
    problems: result.problems,
    notes: result.notes,
  };
}
