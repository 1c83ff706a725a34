import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { LtrainError } from "../errors.js";
import type { LRScheduler } from "../optim/lrScheduler.js";
import type { Optimizer } from "../optim/optimizer.js";
import { keyText } from "../pickle/convert.js";
import { PyDict } from "../pickle/values.js";
import { inMemory } from "./inMemory.js";
import type { ResolvedSetup } from "./optimizerSetup.js";
import type { Write } from "./restoreStates.js";

/**
 * Optimizers and schedulers take their states by position. Lightning passes over states that are missing or too many, and
 * over those of another kind; here each has one, and it fits.
 */
export async function restoreOptimizers(
  run: ResolvedSetup,
  { optimizerStates, lrSchedulers, globalStep }: Checkpoint,
  write: Write,
  warn: (message: string) => void,
): Promise<void> {
  const states = sameNumber("optimizer", optimizerStates ?? [], run.optimizers.length);
  const schedules = sameNumber("lr scheduler", lrSchedulers ?? [], run.schedulers.length);
  for (const [i, optimizer] of run.optimizers.entries()) {
    const state = states[i];
    if (state === undefined) continue;
    await optimizer.loadStateDict(state, write);
    if (globalStep > 0 && run.optimizers.length === 1 && isEmptied(optimizer, state)) {
      warn(
        `the checkpoint was written after ${globalStep} steps and has no state of ${optimizer.constructor.name} for ` +
          "any parameter: it begins anew",
      );
    }
  }
  for (const [i, { scheduler }] of run.schedulers.entries()) {
    const state = schedules[i];
    if (state === undefined) continue;
    requireOwnState(scheduler, state, i);
    scheduler.loadStateDict(await inMemory(state));
  }
}

/** Whether an optimizer that keeps something of what it trains has nothing in its state. */
function isEmptied(optimizer: Optimizer, dict: PyDict): boolean {
  const state = dict.get("state");
  const trains = optimizer.paramGroups.some(({ params }) => params.some(({ requiresGrad }) => requiresGrad));
  return state instanceof PyDict && state.size === 0 && trains && optimizer.expectedBytes(1) > 0;
}

/** What the states of schedules have in common; files of older torch may lack some of it. */
const COMMON = [
  "base_lrs",
  "last_epoch",
  "_step_count",
  "_is_initial",
  "_get_lr_called_within_step",
  "_last_lr",
  "verbose",
];

/** A schedule's state says where it stands, and is that of a schedule like it. */
function requireOwnState(scheduler: LRScheduler, state: PyDict, index: number): void {
  const here = scheduler.stateDict();
  const own = here.keys().filter((key) => !COMMON.includes(keyText(key)));
  const isAnother = own.length > 0 && own.every((key) => !state.has(key));
  if (!isAnother && (state.has("last_epoch") || !here.has("last_epoch"))) return;
  const there = state.keys().map(keyText).join(", ");
  const needed = isAnother ? own.map(keyText).join(", ") : "last_epoch";
  throw new LtrainError(
    "checkpoint.mismatch",
    `lr scheduler ${index}: the checkpoint has ${there || "nothing"}, ${scheduler.constructor.name} needs ${needed}`,
    { hint: "was it written with another schedule?" },
  );
}

function sameNumber(what: string, states: readonly PyDict[], here: number): readonly PyDict[] {
  if (states.length === here) return states;
  throw new LtrainError(
    "checkpoint.mismatch",
    `the checkpoint has the state of ${counted(states.length, what)}, this run has ${counted(here, what)}`,
    { hint: "configureOptimizers must give what it gave when the checkpoint was written" },
  );
}

function counted(n: number, what: string): string {
  return n === 1 ? `1 ${what}` : `${n === 0 ? "no" : n} ${what}s`;
}
