import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { ModelCheckpoint } from "../../src/callbacks/modelCheckpoint.js";
import { inFolder } from "../io/folder.js";
import type { FakeTrainer } from "./fakeTrainer.js";
import { fakeTrainer } from "./fakeTrainer.js";

interface Plan {
  readonly mode: "min" | "max";
  readonly saveTopK: number;
  readonly saveLast: boolean | "link";
  readonly saveBest: boolean | "link";
  readonly scores: readonly number[];
  /** Before this epoch the run is resumed, by another object that is given the state. */
  readonly resumedAt: number;
  /** Files of somebody else's, of names that the run would like. */
  readonly foreign: readonly string[];
}

const plans: fc.Arbitrary<Plan> = fc.record({
  mode: fc.constantFrom("min", "max"),
  saveTopK: fc.constantFrom(-1, 1, 2, 3),
  saveLast: fc.constantFrom<boolean | "link">(true, false, "link"),
  saveBest: fc.constantFrom<boolean | "link">(true, false, "link"),
  scores: fc.array(fc.constantFrom(0.1, 0.2, 0.2, 0.5, NaN, Infinity, -Infinity), { minLength: 1, maxLength: 7 }),
  resumedAt: fc.nat(7),
  foreign: fc.uniqueArray(fc.constantFrom("last.ckpt", "best.ckpt", "epoch=1.ckpt", "mine.ckpt", "last-v1.ckpt"), {
    maxLength: 5,
  }),
});

/** Steps kept, and the best of them, by Lightning's rule written down a second time. */
class Oracle {
  kept: { readonly step: number; readonly score: number }[] = [];
  newest: number | null = null;
  readonly #plan: Plan;
  constructor(plan: Plan) {
    this.#plan = plan;
  }
  see(step: number, score: number): void {
    const { mode, saveTopK } = this.#plan;
    const isBetter = (a: number, b: number): boolean => (mode === "min" ? a < b : a > b);
    const worst = this.kept.reduce<(typeof this.kept)[number] | null>(
      (w, each) => (w === null || isBetter(w.score, each.score) ? each : w),
      null,
    );
    const isFull = saveTopK !== -1 && this.kept.length >= saveTopK;
    if (isFull && worst !== null && !isBetter(score, worst.score)) return; // NaN is better than nothing
    if (isFull) this.kept = this.kept.filter((each) => each !== worst);
    this.kept.push({ step, score: Number.isNaN(score) ? (mode === "min" ? Infinity : -Infinity) : score });
    this.newest = step;
  }
  get best(): number | null {
    const { mode } = this.#plan;
    const better = (a: number, b: number): boolean => (mode === "min" ? a < b : a > b);
    let best: (typeof this.kept)[number] | null = null;
    for (const each of this.kept) if (best === null || better(each.score, best.score)) best = each;
    return best?.step ?? null;
  }
}

/** A trainer that does what it is asked, as files that hold the step. */
function trainerOf(folder: string, changes: Partial<FakeTrainer>): FakeTrainer {
  const trainer = fakeTrainer({ logDir: folder, ...changes });
  trainer.saveCheckpoint = async (path, { also = [], replicas = [], retired = [] } = {}) => {
    const files = [path, ...also.map((other) => other.path)];
    for (const file of files) {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, String(trainer.globalStep));
    }
    for (const replica of replicas) await copyFile(replica.from, replica.path);
    for (const old of retired) await rm(old);
    for (const file of [...files, ...replicas.map((replica) => replica.path)]) {
      checkpointOf.get(trainer)?.onCheckpointSaved(trainer, file);
    }
  };
  return trainer;
}
const checkpointOf = new WeakMap<FakeTrainer, ModelCheckpoint>();

const contentOf = (path: string): Promise<string> => readFile(path, "utf8");

async function run(plan: Plan, folder: string): Promise<void> {
  const { mode, saveTopK, saveLast, saveBest, scores, resumedAt, foreign } = plan;
  for (const name of foreign) await writeFile(join(folder, name), "foreign");
  const options = { dirpath: folder, monitor: "v", filename: "{epoch}", mode, saveTopK, saveLast, saveBest } as const;
  const oracle = new Oracle(plan);
  let checkpoint = new ModelCheckpoint(options);
  let trainer = trainerOf(folder, {});
  checkpointOf.set(trainer, checkpoint);
  await checkpoint.setup(trainer);
  for (const [epoch, score] of scores.entries()) {
    if (epoch === resumedAt && checkpoint.lastCheckpointPath !== "") {
      const state = checkpoint.stateDict();
      const ckptPath = checkpoint.lastCheckpointPath;
      checkpoint = new ModelCheckpoint(options);
      trainer = trainerOf(folder, { ckptPath, globalStep: trainer.globalStep });
      checkpointOf.set(trainer, checkpoint);
      await checkpoint.setup(trainer);
      await checkpoint.loadStateDict(state);
    }
    trainer.currentEpoch = epoch;
    trainer.globalStep += 1;
    trainer.callbackMetrics.set("v", score);
    await checkpoint.onTrainEpochEnd(trainer);
    oracle.see(trainer.globalStep, Math.fround(score));

    const names = await readdir(folder);
    for (const name of foreign) expect([name, await contentOf(join(folder, name))]).toEqual([name, "foreign"]);
    const tops = names.filter((name) => name.startsWith("epoch=") && !foreign.includes(name));
    const steps = await Promise.all(tops.map(async (name) => Number(await contentOf(join(folder, name)))));
    const kept = oracle.kept.map(({ step }) => step);
    // What was resumed from stays, whatever comes.
    const source = trainer.ckptPath ?? "";
    const isSourceKept = source.includes("epoch=") && existsSync(source);
    const extra = isSourceKept ? steps.filter((step) => !kept.includes(step)) : [];
    expect(extra.length).toBeLessThanOrEqual(1);
    expect(steps.filter((step) => !extra.includes(step)).sort()).toEqual([...kept].sort());
    if (saveLast !== false) expect(await contentOf(checkpoint.lastModelPath)).toBe(String(oracle.newest));
    if (saveBest !== false) {
      const own = names.filter((name) => /^best/.test(name) && !foreign.includes(name));
      const best = await Promise.all(own.map((name) => contentOf(join(folder, name))));
      expect(best).toEqual([String(oracle.best)]);
    }
    expect(await contentOf(checkpoint.bestModelPath)).toBe(String(oracle.best));
  }
}

test("whatever is monitored, with ties and NaN, resumed or not: the best, last.ckpt and best.ckpt are kept, and nothing else is touched", async () => {
  await fc.assert(
    fc.asyncProperty(plans, (plan) => inFolder((folder) => run(plan, folder))),
    { numRuns: 80 },
  );
});
