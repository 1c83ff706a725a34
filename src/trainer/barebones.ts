import { LtrainError } from "../errors.js";
import type { TrainerOptions } from "./trainerOptions.js";

/** What raw speed is measured without, and why; each is refused when it is asked for beside barebones. */
const SWITCHED_OFF = [
  ["enableCheckpointing", "enable_checkpointing", "checkpointing costs time"],
  ["logger", "logger", "logging costs time"],
  ["enableProgressBar", "enable_progress_bar", "the progress bar costs time"],
  ["logEveryNSteps", "log_every_n_steps", "logging costs time"],
  ["enableModelSummary", "enable_model_summary", "the model summary costs time"],
  ["numSanityValSteps", "num_sanity_val_steps", "the sanity check costs time"],
  ["fastDevRun", "fast_dev_run", "a development run says nothing about speed"],
  ["detectAnomaly", "detect_anomaly", "anomaly detection costs time"],
] as const satisfies readonly (readonly [keyof TrainerOptions, string, string])[];

/** What barebones makes of the options: Lightning's list of what is switched off, and its refusals. */
export function withoutExtras(options: TrainerOptions): TrainerOptions {
  if (options.barebones !== true) return options;
  for (const [key, name, why] of SWITCHED_OFF) {
    const value = options[key] ?? false;
    if (value === false || value === 0 || (Array.isArray(value) && value.length === 0)) continue;
    const shown = typeof value === "object" ? "one" : String(value);
    throw new LtrainError("config.invalid", `trainer.barebones is true, and trainer.${name} is ${shown}: ${why}`, {
      hint: `leave out ${name}, or barebones`,
    });
  }
  return {
    ...options,
    enableCheckpointing: false,
    logger: false,
    enableProgressBar: false,
    logEveryNSteps: 0,
    enableModelSummary: false,
    numSanityValSteps: 0,
  };
}

/** What is told when a run is barebones. */
export const BAREBONES_NOTE =
  "trainer.barebones: no checkpoints, no progress bar, no model summary, no logging (this.log does nothing), no sanity " +
  "check; this is for measuring speed";
