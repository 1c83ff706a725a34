import type { PrecisionName } from "../../src/precision/precision.js";
import { lossesOf, torchRun, train } from "./autocastRuns.js";

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

test.each(["32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true"] as const)(
  "%s: the loss of each of 30 steps is torch's",
  async (precision) => {
    const { losses } = await train(precision);
    const torch = lossesOf(torchRun(precision));
    expect(losses).toHaveLength(torch.length);
    const furthest = Math.max(...losses.map((loss, i) => Math.abs(loss - (torch[i] ?? Number.NaN))));
    expect(furthest).toBeLessThan(TOLERANCES[precision] ?? 0);
    if (!precision.endsWith("mixed")) return;
    // What torch computed in float32 is further away: it is halves that were computed in.
    expect(distance(losses, torch)).toBeLessThan(distance(lossesOf(torchRun("32-true")), torch));
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
    const torch = torchRun(name);
    const { losses, scalers } = await train("16-mixed", { initScale: 2 ** 28, growthInterval: 3 }, more);
    expect(scalers).toEqual(torch.steps.map(({ scaler }) => scaler));
    const furthest = Math.max(...losses.map((loss, i) => Math.abs(loss - (torch.steps[i]?.loss ?? Number.NaN))));
    expect(furthest).toBeLessThan(3e-5);
  },
);
