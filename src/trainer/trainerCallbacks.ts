import { ModelCheckpoint } from "../callbacks/modelCheckpoint.js";
import { RunRecorder } from "../callbacks/runRecorder.js";
import { Timer } from "../callbacks/timer.js";
import type { Callback } from "../core/callback.js";
import { LtrainError } from "../errors.js";
import type { TrainerOptions } from "./trainerOptions.js";

/**
 * The callbacks of a run: those that were given, a Timer for max_time, a RunRecorder, and a ModelCheckpoint when none is
 * given and none is refused; checkpoint callbacks last, the others in their order.
 */
export function resolveCallbacks(
  options: TrainerOptions,
  fastDevRun: boolean,
  warnings: string[],
): readonly Callback[] {
  const callbacks = [...(options.callbacks ?? [])];
  const enabled = options.enableCheckpointing ?? true;
  const checkpointing = callbacks.filter((callback) => callback.order === "last");
  if (!enabled && checkpointing.length > 0) {
    throw new LtrainError(
      "config.invalid",
      `trainer.enable_checkpointing is false, but a ${checkpointing[0]?.constructor.name ?? "ModelCheckpoint"} ` +
        "is among trainer.callbacks",
      { hint: "remove the callback, or set enable_checkpointing to true" },
    );
  }
  if (enabled && checkpointing.length === 0 && !fastDevRun) checkpointing.push(new ModelCheckpoint());
  const others = callbacks.filter((callback) => callback.order !== "last");
  const { maxTime = null } = options;
  if (maxTime !== null) {
    const timer = new Timer({ duration: maxTime, interval: "step" });
    if (!others.some((callback) => callback instanceof Timer)) others.push(timer);
    else warnings.push("trainer.max_time is ignored: there is a Timer among the callbacks already");
  }
  const records = !fastDevRun && options.barebones !== true;
  if (records && !others.some((callback) => callback instanceof RunRecorder)) others.push(new RunRecorder());
  const sorted = [...others, ...checkpointing];
  refuseEqualKeys(sorted);
  return sorted;
}

/** Who keeps run.json among the callbacks of a run, and now knows them. */
export function watchingRecorder(callbacks: readonly Callback[], isStopped: () => boolean): RunRecorder | undefined {
  const recorder = callbacks.find((callback) => callback instanceof RunRecorder);
  recorder?.watch({ isStopped, callbacks: () => callbacks });
  return recorder;
}

/** Two callbacks with state under one key would overwrite each other in the checkpoint. */
function refuseEqualKeys(callbacks: readonly Callback[]): void {
  const seen = new Set<string>();
  for (const callback of callbacks) {
    if (callback.stateDict() === null) continue;
    if (seen.has(callback.stateKey)) {
      throw new LtrainError("config.invalid", `two callbacks have the state key ${callback.stateKey}`, {
        hint: "give them different settings, or remove one of them",
      });
    }
    seen.add(callback.stateKey);
  }
}
