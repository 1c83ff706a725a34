import type { PrecisionName } from "../../src/precision/precision.js";
import { target } from "../engine/target.js";
import { deviceHere, lossesOf, torchRun, train } from "./autocastRuns.js";

const { device, halves } = await deviceHere();
/** What a precision multiplies in. */
const TYPES: Readonly<Record<string, string>> = { "16": "float16", bf16: "bfloat16" };

/** Whether a precision is there; where it is not, it must be refused with the device and with who can. */
async function canTrain(precision: PrecisionName): Promise<boolean> {
  const type = TYPES[precision.replace(/-.*/, "")];
  if (type === undefined || halves.includes(type)) return true;
  const refused = train(precision);
  await expect(refused).rejects.toMatchObject({
    code: "engine.unsupported",
    message: `trainer.precision ${precision} needs ${type}, and the engine onnxruntime on ${device} computes in ${["float32", ...halves].join(" and ")}${halves.length === 0 ? " only" : ""}`,
    hint: "--engine onnxruntime --accelerator cpu computes in float16 and bfloat16; or train in 32-true",
  });
  return false;
}

/** How far two runs are from each other. */
function distance(a: readonly number[], b: readonly number[]): number {
  return Math.hypot(...a.map((x, i) => x - (b[i] ?? Number.NaN)));
}

/**
 * For each loss. Mixed: the loss itself is float32, and torch rounds a few activations and bias gradients that we do
 * not. True: half the distance between two halves at 0.5 for torch's loss, which is a half itself, and as much again.
 */
const TOLERANCES: Readonly<Partial<Record<PrecisionName, number>>> = {
  "32-true": 1e-6,
  "16-mixed": 3e-5,
  "bf16-mixed": 4e-4,
  "16-true": 2 ** -12,
  "bf16-true": 2 ** -9,
};

/** WebGPU's kernels add up in halves too, where torch and the CPU add up in float32 and round once: a digit more is lost. */
const SUMS = target.kind === "webgpu" ? 4 : 1;

test.each(["32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true"] as const)(
  "%s: the loss of each of 30 steps is torch's",
  async (precision) => {
    if (!(await canTrain(precision))) return;
    const { losses } = await train(precision);
    const torch = lossesOf(torchRun(precision));
    expect(losses).toHaveLength(torch.length);
    const furthest = Math.max(...losses.map((loss, i) => Math.abs(loss - (torch[i] ?? Number.NaN))));
    expect(furthest).toBeLessThan((TOLERANCES[precision] ?? 0) * SUMS);
    if (!precision.endsWith("mixed")) return;
    // It is halves that were computed in: what torch computed in float32 is further away, or at least as far as halves go.
    const single = lossesOf(torchRun("32-true"));
    const isNear = distance(losses, torch) < distance(single, torch);
    expect(isNear || (target.kind === "webgpu" && distance(losses, single) > 1e-5)).toBe(true);
  },
);

test.each([
  ["step by step", "16-mixed-overflow", {}],
  [
    "over windows of two batches, clipped after unscaling",
    "16-mixed-overflow-window",
    { accumulateGradBatches: 2, gradientClipVal: 0.1 },
  ],
])(
  "16-mixed overflows where torch does, %s: the same steps are skipped, the scaler goes the same way",
  async (_, name, more) => {
    if (!(await canTrain("16-mixed"))) return;
    const torch = torchRun(name);
    const { losses, scalers } = await train("16-mixed", { initScale: 2 ** 28, growthInterval: 3 }, more);
    expect(scalers).toEqual(torch.steps.map(({ scaler }) => scaler));
    const furthest = Math.max(...losses.map((loss, i) => Math.abs(loss - (torch.steps[i]?.loss ?? Number.NaN))));
    expect(furthest).toBeLessThan(3e-5);
  },
);
