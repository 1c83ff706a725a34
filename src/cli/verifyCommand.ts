import type { Command } from "commander";
import type { Terminal } from "../io/console.js";

/** Add `ltrain verify`; what it does is loaded when it is asked for. */
export function addVerify(program: Command, terminal: Terminal, done: (exitCode: number) => void): void {
  program
    .command("verify")
    .description("read all of a checkpoint and compare every checksum, length and place with what it holds")
    .argument("<path...>", "files, or folders with checkpoints in them")
    .option("--json", "what was found as one JSON object", false)
    .option("-q, --quiet", "only what is wrong", false)
    .action(async (paths: readonly string[], options: { json: boolean; quiet: boolean }) => {
      const { runVerify } = await import("./verify.js");
      done(await runVerify({ ...options, paths }, terminal));
    });
}
