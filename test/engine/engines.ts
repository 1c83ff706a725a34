import { createExecutor } from "../../src/engine/createExecutor.js";
import type { EngineName } from "../../src/engine/executor.js";
import { LtrainError } from "../../src/errors.js";

const ALL: readonly EngineName[] = ["tfjs", "onnxruntime", "tfjs-node-gpu"];

/** Engines that must be there, by name and comma: .ci/run builds tfjs-node-gpu and demands it. */
const REQUIRED = (process.env["LTRAIN_REQUIRE_ENGINES"] ?? "").split(",").filter((name) => name !== "");

/** Why an engine cannot be used here; null when it can. */
async function whyNot(engine: EngineName): Promise<string | null> {
  try {
    await (await createExecutor({ engine })).dispose();
    return null;
  } catch (error) {
    if (error instanceof LtrainError && error.code === "engine.unavailable") return error.message;
    throw error;
  }
}

/** The engines that a suite runs over; one that is not there is told aloud, and fails the suite where it is required. */
export async function enginesHere(): Promise<readonly EngineName[]> {
  const found: EngineName[] = [];
  for (const engine of ALL) {
    const reason = await whyNot(engine);
    if (reason === null) found.push(engine);
    else if (REQUIRED.includes(engine)) throw new Error(`LTRAIN_REQUIRE_ENGINES asks for ${engine}: ${reason}`);
    else process.stderr.write(`not run on ${engine}: ${reason}\n`);
  }
  const unknown = REQUIRED.filter((name) => !ALL.some((engine) => engine === name));
  if (unknown.length > 0) throw new Error(`LTRAIN_REQUIRE_ENGINES: there is no engine ${unknown.join(", ")}`);
  process.stderr.write(`run on ${found.join(", ")}\n`);
  return found;
}
