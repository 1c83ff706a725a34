import { renameSync } from "node:fs";
import { join } from "node:path";
import { loadCheckpoint, type LoadedCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { PyDict, type PyValue } from "../../src/pickle/values.js";
import { expectSameTree } from "../trainer/sameTree.js";
import { lightningFits, peerTest } from "./peer.js";
import { CASES, describeCase, FROM_SCRATCH, fromScratchConfig, handOverConfig, STEPS } from "./runCases.js";
import { inTemporaryFolder, lossesOf, ltrainProcess, writeText } from "./runs.js";

const ltrain = ltrainProcess();

/** Where Lightning's run is taken over by ltrain, and where ltrain's by Lightning: after how many steps of the run. */
const MOMENTS = [
  { moment: "at an epoch's end", first: "epochs/epoch=1-step=12.ckpt", second: "epochs/epoch=2-step=18.ckpt" },
  { moment: "in mid-epoch", first: "steps/epoch=1-step=10.ckpt", second: "steps/epoch=2-step=15.ckpt" },
] as const;
const stepOf = (file: string): number => Number(/step=(\d+)/.exec(file)?.[1]);

/** Every loss within 1e-5 of what it should be, relative, as the issue of resuming across both worlds asks. */
function expectLosses(leg: string, actual: readonly number[], expected: readonly number[]): void {
  const off = expected.map((loss, step) => ({ step, loss, actual: actual[step] ?? Number.NaN }));
  expect({
    leg,
    steps: actual.length,
    off: off.filter(({ loss, actual }) => !(Math.abs(actual - loss) <= 1e-5 * loss)),
  }).toEqual({ leg, steps: expected.length, off: [] });
}

const STATE = ["epoch", "global_step", "loops", "callbacks", "optimizer_states", "lr_schedulers"] as const;

/** What two files of one moment say of where training stood is the same; schedules' steps but for those that are lost. */
async function expectSameState(left: string, right: string, lostSteps = 0): Promise<void> {
  const [a, b] = [await loadCheckpoint(left), await loadCheckpoint(right)];
  try {
    for (const key of STATE) {
      if (lostSteps > 0 && (key === "loops" || key === "lr_schedulers")) continue;
      await expectSameTree(itemOf(a, key), itemOf(b, key), key);
    }
    if (lostSteps > 0) expect(scheduleSteps(a)).toBe(scheduleSteps(b) - lostSteps);
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

function itemOf({ root }: LoadedCheckpoint, key: string): PyValue {
  if (!(root instanceof PyDict)) throw new Error("a checkpoint is a dict");
  return root.get(key) ?? null;
}

function scheduleSteps({ checkpoint }: LoadedCheckpoint): number {
  return Number(checkpoint.lrSchedulers?.[0]?.get("last_epoch"));
}

describe.each(CASES.map((given) => [describeCase(given), given] as const))("%s", (_, given) => {
  describe.each(MOMENTS)("$moment", ({ first, second }) => {
    peerTest("Lightning, then ltrain, then Lightning take the steps of one run of Lightning's", async () => {
      await inTemporaryFolder(async (folder) => {
        const [run, unbroken] = [join(folder, "run"), join(folder, "unbroken")];
        const [from, to] = [stepOf(first), stepOf(second)];
        const whole = await lightningFits(handOverConfig(given, run), run);
        renameSync(run, unbroken); // the chain writes where it wrote: states tell their folder
        expect(whole.losses).toHaveLength(STEPS);

        const begun = await lightningFits(handOverConfig(given, run, from), run);
        const config = writeText(folder, "config.json", JSON.stringify(handOverConfig(given, run, to)));
        const middle = await ltrain("resume", join(run, first), "--config", config, "--json");
        expect(middle.stderr).toContain("preempted");
        const ended = await lightningFits(handOverConfig(given, run), run, { ckptPath: join(run, second) });

        expectLosses("Lightning begins", begun.losses, whole.losses.slice(0, from));
        expectLosses("ltrain goes on", lossesOf(middle), whole.losses.slice(from, to));
        await expectSameState(join(run, second), join(unbroken, second));
        expectLosses("Lightning ends", ended.losses, whole.losses.slice(to));
        const last = "epochs/epoch=3-step=24.ckpt";
        await expectSameState(join(run, last), join(unbroken, last), given.isStepLost === true ? 1 : 0);
      });
    });
  });
});

describe.each(FROM_SCRATCH.map((given) => [describeCase(given), given] as const))("%s", (_, given) => {
  peerTest("from the same seed, shuffled, ltrain takes the steps that Lightning takes", async () => {
    await inTemporaryFolder(async (folder) => {
      const config = fromScratchConfig(given, folder);
      const lightning = await lightningFits(config, join(folder, "lightning"));
      expect(lightning.losses).toHaveLength(200);

      const ran = await ltrain("train", "--config", writeText(folder, "config.json", JSON.stringify(config)), "--json");

      expectLosses("from scratch", lossesOf(ran), lightning.losses);
      const validations = ran.events().filter(({ event }) => event === "validation");
      expectLosses(
        "validation",
        validations.map(({ metrics }) => (metrics as Record<string, number>)["val_loss"] ?? Number.NaN),
        lightning.val_losses,
      );
    });
  });
});
