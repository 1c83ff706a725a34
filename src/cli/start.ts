import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { constants, Script } from "node:vm";

/** What scripts/bundle.mjs makes of the commands that only look at files. */
interface Bundle {
  readonly main: (argv: readonly string[]) => Promise<void>;
  /** Commands that are not in it. */
  readonly elsewhere: readonly string[];
}

type Factory = (require: NodeJS.Require, importModule: (name: string) => Promise<unknown>, base: string) => Bundle;

/**
 * Run a command line from the bundle where it has the command, which saves loading the modules one by one, and else from
 * the modules. Both are the same code.
 */
export async function start(argv: readonly string[]): Promise<void> {
  const bundle = loadBundle();
  // A command's name among the arguments of another costs time, and nothing else.
  const isThere = bundle !== undefined && !argv.slice(2).some((word) => bundle.elsewhere.includes(word));
  const { main } = isThere ? bundle : await import("./main.js");
  await main(argv);
}

function loadBundle(): Bundle | undefined {
  const filename = fileURLToPath(new URL("bundle.cjs", import.meta.url));
  const source = fileText(filename)?.toString("latin1");
  if (source === undefined) return undefined; // built without it
  const cachedData = fileText(fileURLToPath(new URL("bundle.cache", import.meta.url)));
  const script = new Script(source, {
    filename,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    // Of another version of node it is left aside, and the script compiled.
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  const factory = script.runInThisContext() as Factory;
  return factory(createRequire(filename), (name) => import(name), new URL("../", import.meta.url).href);
}

function fileText(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
