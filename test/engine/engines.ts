import { createExecutor } from "../../src/engine/createExecutor.js";
import type { EngineName, Executor } from "../../src/engine/executor.js";
import { LtrainError } from "../../src/errors.js";
import { target } from "./target.js";

/** On a GPU there is one engine to be tried at a time: LTRAIN_TEST_TARGET says which. */
const ALL: readonly EngineName[] = target.kind === "cpu" ? ["tfjs", "onnxruntime", "tfjs-node-gpu"] : ["onnxruntime"];

/** Engines that must be there, by name and comma: .ci/run builds tfjs-node-gpu and demands it. */
const REQUIRED = (process.env["LTRAIN_REQUIRE_ENGINES"] ?? "").split(",").filter((name) => name !== "");

/** The executor of an engine, on the device that the suite runs on. */
export function openEngine(engine: EngineName): Promise<Executor> {
  return createExecutor({ engine, accelerator: target.kind === "cpu" ? "cpu" : "gpu" });
}

/** The device of an engine, or why it cannot be used here. */
async function tryEngine(engine: EngineName): Promise<{ readonly device: string } | { readonly reason: string }> {
  try {
    const executor = await openEngine(engine);
    await executor.dispose();
    return { device: executor.device };
  } catch (error) {
    if (error instanceof LtrainError && error.code === "engine.unavailable") return { reason: error.message };
    throw error;
  }
}

/** The engines that a suite runs over; one that is not there is told aloud, and fails the suite where it is required. */
export async function enginesHere(): Promise<readonly EngineName[]> {
  const found: EngineName[] = [];
  const told: string[] = [];
  for (const engine of ALL) {
    const tried = await tryEngine(engine);
    if ("device" in tried) {
      found.push(engine);
      told.push(`${engine} [${tried.device}]`);
    } else if (REQUIRED.includes(engine)) {
      throw new Error(`LTRAIN_REQUIRE_ENGINES asks for ${engine}: ${tried.reason}`);
    } else process.stderr.write(`not run on ${engine}: ${tried.reason}\n`);
  }
  const unknown = REQUIRED.filter((name) => !ALL.some((engine) => engine === name));
  if (unknown.length > 0) throw new Error(`LTRAIN_REQUIRE_ENGINES: there is no engine ${unknown.join(", ")}`);
  process.stderr.write(`run on ${told.join(", ")}\n`);
  return found;
}
