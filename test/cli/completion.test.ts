import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/cli/main.js";
import { createProgram } from "../../src/cli/program.js";
import { recordingTerminal } from "../../src/io/console.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ltrain-completion-"));
  writeFileSync(join(folder, "model.ckpt"), "");
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function script(shell: string): Promise<string> {
  const terminal = recordingTerminal();
  expect(await run(["node", "ltrain", "completion", shell], terminal)).toBe(0);
  const path = join(folder, `completion.${shell}`);
  writeFileSync(path, terminal.output);
  return path;
}

/** What a shell answers, or null where it is not installed: said aloud, for then nothing was tested. */
function shell(name: string, args: readonly string[]): string | null {
  const { error, stdout, stderr } = spawnSync(name, args, { cwd: folder, encoding: "utf8" });
  if (error !== undefined) {
    process.stderr.write(`not tested: ${name} is not installed\n`);
    return null;
  }
  expect(stderr).toBe("");
  return stdout.trim();
}

const commands = (): readonly string[] =>
  createProgram(recordingTerminal(), () => undefined).commands.map((command) => command.name());

test("bash completes commands, their options, an option's values, the trainer's keys and files", async () => {
  const path = await script("bash");
  const complete = (...words: readonly string[]): string[] => {
    const program = `source ${path}; COMP_WORDS=(ltrain ${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}; _ltrain; echo "\${COMPREPLY[@]}"`;
    return (shell("bash", ["--norc", "-c", program]) ?? "").split(" ");
  };
  expect(complete("")).toEqual(commands());
  expect(complete("resu")).toEqual(["resume"]);
  expect(complete("extract", "--strip")).toEqual(["--strip-wrappers", "--strip-prefix"]);
  expect(complete("verify", "--strip")).toEqual([""]);
  expect(complete("train", "--engine", "tf")).toEqual(["tfjs", "tfjs-node-gpu"]);
  expect(complete("train", "--trainer.max_e")).toEqual(["--trainer.max_epochs"]);
  expect(complete("train", "--trainer.precision", "b")).toEqual(["bf16-mixed", "bf16-true"]);
  expect(complete("inspect", "mod")).toEqual(["model.ckpt"]);
});

test("fish completes the same, with descriptions", async () => {
  const path = await script("fish");
  const complete = (line: string): string | null =>
    shell("fish", ["--no-config", "-c", `source ${path}; complete -C '${line}'`]);
  const answer = complete("ltrain resu");
  if (answer === null) return;
  expect(answer).toMatch(/^resume\tgo on with a run/);
  expect(complete("ltrain extract --strip-p")).toMatch(/^--strip-prefix\ttake the prefix off the names/);
  expect(complete("ltrain train --engine tfjs-")).toMatch(/^tfjs-node-gpu\t/);
});

test("zsh reads the script, which defines the function it names", async () => {
  const path = await script("zsh");
  const answer = shell("zsh", [
    "-f",
    "-c",
    `autoload -Uz compinit && compinit -u -D; source ${path}; whence -w _ltrain`,
  ]);
  if (answer !== null) expect(answer).toBe("_ltrain: function");
});

test("another shell is told which there are", async () => {
  const terminal = recordingTerminal();
  expect(await run(["node", "ltrain", "completion", "basch"], terminal)).toBe(2);
  expect(terminal.messages).toBe('error: there is no completion for "basch"\nhint:  did you mean bash?\n');
});
