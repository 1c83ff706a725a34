import { run } from "../../src/cli/main.js";
import type { Diagnosis, EngineReport } from "../../src/engine/diagnose.js";
import { recordingTerminal } from "../../src/io/console.js";

async function doctor(...args: readonly string[]): Promise<{ readonly exitCode: number; readonly text: string }> {
  const terminal = recordingTerminal();
  const exitCode = await run(["node", "ltrain", "doctor", ...args], terminal);
  return { exitCode, text: terminal.output };
}

test("doctor --json names every engine and device, and for each that cannot be used why not and what to do", async () => {
  const { exitCode, text } = await doctor("--json");
  expect(exitCode).toBe(0);
  const { engines, versions, ...machine } = JSON.parse(text) as {
    readonly node: string;
    readonly versions: Diagnosis["versions"];
    readonly engines: readonly (EngineReport & { readonly taken_by: EngineReport["takenBy"] })[];
  };
  expect(machine.node).toBe(process.versions.node);
  expect(versions["onnxruntime-node"]).toMatch(/^1\.\d+\.\d+$/);
  expect(engines.map(({ engine }) => engine)).toEqual([
    "onnxruntime",
    "onnxruntime",
    "tfjs-node-gpu",
    "onnxruntime",
    "tfjs-node-gpu",
    "tfjs",
  ]);
  for (const { usable, reason, remedy, taken_by: takenBy } of engines) {
    expect([reason === null, remedy === null]).toEqual([usable, usable]);
    if (!usable) expect(takenBy).toEqual([]);
  }
  // Exactly one of them is what runs when nothing is said.
  expect(engines.filter(({ taken_by: takenBy }) => takenBy.includes("auto"))).toHaveLength(1);
  expect(engines.filter(({ taken_by: takenBy }) => takenBy.includes("cpu")).map(({ device }) => device)).toEqual([
    "cpu",
  ]);
});

test("doctor shows the same as a table", async () => {
  const { text } = await doctor();
  expect(text).toContain(`Node ${process.versions.node}`);
  expect(text).toMatch(/^onnxruntime\s+cpu\s+yes\s+--accelerator /m);
  expect(text).toMatch(/^tfjs\s+cpu\s+yes\s+--engine tfjs$/m);
});
