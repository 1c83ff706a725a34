import { ModelCheckpoint } from "../callbacks/modelCheckpoint.js";
import type { Callback } from "../core/callback.js";
import type { TimeShares } from "../loops/stepClock.js";
import type { FitRun } from "./fitRun.js";

/** How a fit went. */
export interface FitResult {
  readonly globalStep: number;
  /** Epochs finished, counting those before a resume. */
  readonly epochs: number;
  readonly seconds: number;
  /** Optimizer steps per second after the first 50 of this run; null when there were no more. */
  readonly stepsPerSecond: number | null;
  /** What those steps' time went into; null as well. */
  readonly timeShares: TimeShares | null;
  /** Why it ended, in one sentence. */
  readonly stopReason: string;
  /** "" when no checkpoint was written. */
  readonly bestModelPath: string;
  readonly lastCheckpointPath: string;
  readonly callbackMetrics: ReadonlyMap<string, number>;
}

/** What is known of a fit beside its run. */
export type FitEnd = Pick<FitResult, "globalStep" | "seconds" | "lastCheckpointPath" | "callbackMetrics"> & {
  /** "stopped" where somebody asked for it: `interruption` says who, or else a callback does. */
  readonly reason: string;
  readonly interruption: string | null;
};

/** The result of a fit that has ended; `run` is null when it never began. */
export function fitResult(run: FitRun | null, callbacks: readonly Callback[], end: FitEnd): FitResult {
  const { reason, interruption, globalStep, seconds, lastCheckpointPath, callbackMetrics } = end;
  const asked = callbacks.map((callback) => callback.stopReason).find((each) => each !== null);
  return {
    globalStep,
    epochs: run?.fitLoop.progress.current.processed ?? 0,
    seconds,
    stepsPerSecond: run?.epochLoop.clock.stepsPerSecond ?? null,
    timeShares: run?.epochLoop.clock.shares ?? null,
    stopReason: reason === "stopped" ? (interruption ?? asked ?? "a callback asked to stop") : reason,
    bestModelPath: callbacks.find((callback) => callback instanceof ModelCheckpoint)?.bestModelPath ?? "",
    lastCheckpointPath,
    callbackMetrics: new Map(callbackMetrics),
  };
}
