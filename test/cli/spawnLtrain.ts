import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What a command line left behind. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const BIN = fileURLToPath(new URL("../../bin/ltrain.js", import.meta.url));

/** Run the built ltrain in a folder; `watch` sees its stderr and stdout as they come, and may send signals. */
export function spawnLtrain(
  cwd: string,
  args: readonly string[],
  watch: (text: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    const kill = (signal: NodeJS.Signals): void => {
      child.kill(signal);
    };
    child.stdout.on("data", (data: Buffer) => {
      stdout += data.toString();
      watch(stdout + stderr, kill);
    });
    child.stderr.on("data", (data: Buffer) => {
      stderr += data.toString();
      watch(stdout + stderr, kill);
    });
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({ code, stdout, stderr });
    });
  });
}
