// Command lines of the built ltrain, one after the other in one process: for each line of stdin one line with what came of it.
import process from "node:process";
import { createInterface } from "node:readline";
import { run } from "../../dist/cli/main.js";
import { recordingTerminal } from "../../dist/io/console.js";

for await (const line of createInterface({ input: process.stdin })) {
  const { args } = JSON.parse(line);
  const terminal = recordingTerminal();
  try {
    const code = await run(["node", "ltrain", ...args], terminal);
    process.stdout.write(
      `${JSON.stringify({ answer: { code, stdout: terminal.output, stderr: terminal.messages } })}\n`,
    );
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ error: String(error?.stack ?? error) })}\n`);
  }
}
