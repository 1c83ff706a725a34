import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { ConfigChange } from "../config/configChanges.js";
import { describeChange } from "../config/configChanges.js";
import type { Run } from "../config/instantiate.js";
import { LtrainError } from "../errors.js";
import { compareState } from "../nn/loadState.js";
import { resolveSetup } from "../trainer/optimizerSetup.js";
import { restoreOptimizers } from "../trainer/restoreOptimizers.js";

/** Something that does not fit between a checkpoint and what a config makes now. */
export interface PlanProblem {
  readonly about: "weights" | "optimizers" | "data";
  readonly message: string;
}

/** The sections of a config that can be to blame. */
const SECTIONS: Readonly<Record<PlanProblem["about"], readonly string[]>> = {
  weights: ["model"],
  optimizers: ["optimizer", "lr_scheduler", "model"],
  data: ["data", "trainer"],
};

/** Weights, optimizers or schedulers that are others here; states of optimizers are compared where the weights fit. */
export async function misfits(run: Run, checkpoint: Checkpoint): Promise<PlanProblem[]> {
  const { module } = run;
  const problem =
    (await problemOf("weights", () => {
      compareState(module.constructor.name, module.state(), checkpoint.stateDict.tensors, true);
    })) ?? (await problemOf("optimizers", () => compareOptimizers(run, checkpoint)));
  return problem === null ? [] : [problem];
}

async function compareOptimizers({ module, trainer }: Run, checkpoint: Checkpoint): Promise<void> {
  const { callbacks } = trainer.options;
  module.trainer = trainer;
  try {
    const setup = resolveSetup(module.configureOptimizers(), module, () => undefined);
    // A callback that changes optimizers and schedulers in training changes what their states are.
    const isChanged = callbacks.some((callback) => callback.prepareRestore !== undefined);
    if (isChanged) return;
    const ignore = (): void => undefined;
    await restoreOptimizers(setup, checkpoint, ignore, ignore);
  } finally {
    module.trainer = null;
  }
}

/** What is refused; what fails for another reason, a module that asks for a running trainer say, is not known here. */
async function problemOf(about: PlanProblem["about"], body: () => void | Promise<void>): Promise<PlanProblem | null> {
  try {
    await body();
    return null;
  } catch (error) {
    if (!(error instanceof LtrainError)) return null;
    return { about, message: error.message.replaceAll(/\n\s*/g, ": ") };
  }
}

/** A problem in one line, and the differences of the config that make it. */
export interface Impossibility {
  readonly text: string;
  readonly changes: readonly ConfigChange[];
}

/**
 * Which differences of a config make a problem: none, where it is there without them; of several that may, those that
 * make it when they are the only one. `problemsWith` says what does not fit with these differences alone.
 */
export async function blame(
  problem: PlanProblem,
  changes: readonly ConfigChange[],
  problemsWith: (changes: readonly ConfigChange[]) => Promise<readonly PlanProblem[]>,
): Promise<Impossibility> {
  const { about, message } = problem;
  const candidates = changes.filter(({ key }) => SECTIONS[about].includes(key.split(".", 1)[0] ?? ""));
  const makeIt = async (some: readonly ConfigChange[]): Promise<boolean> =>
    (await problemsWith(some)).some((each) => each.about === about);
  if (candidates.length === 0 || (await makeIt([]))) return { text: message, changes: [] };
  // Another class has other arguments: they go together.
  const isAnotherClass = candidates.some(({ key }) => key.endsWith(".class_path"));
  const guilty: ConfigChange[] = [];
  for (const change of candidates.length === 1 || isAnotherClass ? [] : candidates) {
    if (await makeIt([change])) guilty.push(change);
  }
  const blamed = guilty.length > 0 ? guilty : candidates;
  return { text: `${blamed.map(describeChange).join(", ")}: ${message}`, changes: blamed };
}
