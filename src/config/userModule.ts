import { basename, dirname, isAbsolute, relative, resolve } from "node:path";
import { LtrainError } from "../errors.js";
import { fileExists, listFolder } from "../io/textFile.js";
import { importUserFile, loadOwnModules } from "../io/userFile.js";
import { nearest } from "../nearest.js";

/** A class in a file of the user's: `./net.ts:Net`. */
export interface UserClassPath {
  /** As it was written. */
  readonly written: string;
  /** Absolute. */
  readonly file: string;
  readonly exportName: string;
}

/** What came of looking for a user's class: the class, or the sentence that says why there is none. */
export type UserClass = { readonly found: UserConstructor } | { readonly problem: string };

/** A class whose constructor takes one object of arguments. */
export type UserConstructor = (new (...args: readonly unknown[]) => object) & { readonly initArgs?: unknown };

const MAX_FRAMES = 100;

const FILE_CLASS = /^(.*\.(?:[cm]?[jt]sx?)):([A-Za-z_$][\w$]*)$/;

/** Whether a class_path names a file, with or without a class in it. */
export function isFilePath(classPath: string): boolean {
  return FILE_CLASS.test(classPath) || /^\.{0,2}\//.test(classPath) || /\.[cm]?[jt]sx?(:|$)/.test(classPath);
}

/** The name after the colon of `./net.ts:Net`. */
export function exportNameOf(classPath: string): string | undefined {
  return FILE_CLASS.exec(classPath)?.[2];
}

/** The two halves of `./net.ts:Net`, the file relative to `folder`; undefined when it is not written so. */
export function parseUserClassPath(classPath: string, folder: string): UserClassPath | undefined {
  const match = FILE_CLASS.exec(classPath);
  if (match === null) return undefined;
  const [, file = "", exportName = ""] = match;
  return { written: classPath, file: resolve(folder, file), exportName };
}

/** Import the user's file, with TypeScript and `ltrain` itself resolved to this running instance, and find the class in it. */
export async function loadUserClass(path: UserClassPath): Promise<UserClass> {
  if (!(await fileExists(path.file))) return { problem: await missingFile(path) };
  await loadOwnModules(); // what fails here is ours, not the user's
  // Between a line of the user's and what fails for it lie the frames of layers and of tfjs.
  Error.stackTraceLimit = Math.max(Error.stackTraceLimit, MAX_FRAMES);
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = await importUserFile(path.file);
  } catch (error) {
    return { problem: `${display(path.file)} cannot be loaded: ${loadProblem(error)}` };
  }
  const found = exported[path.exportName];
  if (found === undefined) return { problem: missingExport(path, Object.keys(exported)) };
  if (typeof found !== "function") return { problem: `${path.exportName} in ${display(path.file)} is not a class` };
  return { found: found as UserConstructor };
}

/** What stopped a file from loading, with the place that jiti's compiler puts on a line of its own. */
function loadProblem(error: unknown): string {
  const place = error instanceof Error ? /^\s*(\/\S+):(\d+):\d+$/m.exec(error.message) : null;
  const text = firstLine(error).replace(/^ParseError: /, "");
  return place === null ? text : `${text} (${display(place[1] ?? "")}:${place[2] ?? ""})`;
}

async function missingFile(path: UserClassPath): Promise<string> {
  const names = (await listFolder(dirname(path.file)))
    .filter((entry) => entry.kind === "file")
    .map((entry) => entry.name);
  const near = nearest(
    basename(path.file),
    names.filter((name) => /\.[cm]?[jt]sx?$/.test(name)),
  );
  return `${display(path.file)} does not exist${near === undefined ? "" : `; did you mean ${near}?`}`;
}

function missingExport(path: UserClassPath, names: readonly string[]): string {
  const near = nearest(path.exportName, names);
  const there = names.length === 0 ? "it exports nothing" : `it exports ${names.join(", ")}`;
  return `${display(path.file)} has no export ${path.exportName}; ${near === undefined ? there : `did you mean ${near}?`}`;
}

/** A path from here when it lies below, else in full. */
export function display(file: string): string {
  const fromHere = relative(".", file);
  return fromHere.startsWith("..") || isAbsolute(fromHere) ? file : fromHere;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split("\n", 1)[0] ?? text).trim();
}

/** What went wrong while a user's code ran, as user.failed with the line that threw; anything else stays as it is. */
export function userFailure(error: unknown, classPaths: readonly string[]): unknown {
  // What a layer refuses has no other cause than itself.
  const thrown = error instanceof LtrainError && error.cause !== undefined ? error.cause : error;
  if (!(thrown instanceof Error)) return error;
  const stack = thrown.stack ?? "";
  const file = classPaths
    .flatMap((path) => FILE_CLASS.exec(path)?.[1] ?? [])
    .find((path) => stack.includes(`${path}:`));
  if (file === undefined) return error;
  const place = placeInStack(thrown, file);
  const hint = place === undefined ? {} : { hint: `thrown at ${place}` };
  if (!(error instanceof LtrainError)) {
    return new LtrainError("user.failed", `${display(file)} threw ${thrown.name}: ${firstLine(thrown)}`, {
      cause: thrown,
      ...hint,
    });
  }
  return error.hint === undefined ? new LtrainError(error.code, error.message, { cause: thrown, ...hint }) : error;
}

/** The topmost line of a stack that lies in a file. */
export function placeInStack(error: Error, file: string): string | undefined {
  const line = (error.stack ?? "").split("\n").find((text) => /^\s+at /.test(text) && text.includes(`${file}:`));
  const place = line === undefined ? undefined : /:(\d+):\d+\)?$/.exec(line.trim())?.[1];
  return place === undefined ? undefined : `${display(file)}:${place}`;
}
