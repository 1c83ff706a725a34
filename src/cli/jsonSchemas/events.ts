import { z } from "zod";
import { list, metrics, object, orNull, real, text, VERSION, whole } from "./fields.js";

const STEP = whole("optimizer steps so far");
const EPOCH = whole("counted from 0");
const event = (name: string, members: Readonly<Record<string, z.ZodType>>, description: string): z.ZodType =>
  object({ event: z.literal(name).describe(`"${name}"`), ...VERSION, ...members }, description);

/** A line of `train --json` and `resume --json`. */
export const FIT_EVENTS: Readonly<Record<string, z.ZodType>> = {
  fit_start: event(
    "fit_start",
    {
      run_dir: text("the run's folder"),
      engine: text("onnxruntime, tfjs or tfjs-node-gpu"),
      device: text("what it computes on"),
      model: text("the module's class"),
      epoch: EPOCH,
      global_step: STEP,
      max_epochs: orNull(z.int().describe("the limit of epochs; -1 or null: none")),
      max_steps: z.int().describe("the limit of steps; -1: none"),
      train_batches: real("batches of an epoch"),
      val_batches: real("of a validation"),
      ckpt_path: orNull(text("the checkpoint that the run goes on from")),
    },
    "Before the first batch.",
  ),
  step: event(
    "step",
    {
      epoch: EPOCH,
      batch: whole("its index in the epoch"),
      global_step: STEP,
      loss: orNull(real("the training loss; null where the step gives none")),
      lr: orNull(real("learning rate of the first param group")),
      metrics: metrics("what training_step logged, by name"),
    },
    "Every `log_every_n_steps` steps.",
  ),
  validation: event(
    "validation",
    { epoch: EPOCH, global_step: STEP, metrics: metrics("all metrics there are, by name") },
    "After every validation but the sanity check.",
  ),
  checkpoint: event(
    "checkpoint",
    { path: text("the file"), epoch: EPOCH, global_step: STEP },
    "A checkpoint has its name and is on the disk.",
  ),
  fit_end: event(
    "fit_end",
    {
      global_step: STEP,
      epochs: whole("epochs that are over"),
      seconds: z.number().describe("of this process's training"),
      steps_per_second: orNull(z.number().describe("after the first 50 steps; null when there were no more")),
      time_shares: orNull(
        object({ data: z.number().describe("waiting for batches"), step: z.number().describe("computing") }, "parts of that time, from 0 to 1"), // prettier-ignore
      ),
      stop_reason: text("why it ended, in a sentence"),
      best_model_path: orNull(text("of the first ModelCheckpoint")),
      last_checkpoint_path: orNull(text("the newest checkpoint")),
      metrics: metrics("the last value of every metric"),
    },
    "The last line of a run that ended in good order.",
  ),
};

/** What `validate`, `test` and `predict` print. */
export const EVALUATION_EVENTS: Readonly<Record<string, z.ZodType>> = {
  ...Object.fromEntries(
    (["validate", "test"] as const).map((verb) => [
      `${verb}_end`,
      event(
        `${verb}_end`,
        {
          ckpt_path: orNull(text("the checkpoint; null: the weights as the seed gives them")),
          batches: whole("how many were evaluated"),
          seconds: z.number().describe("in all"),
          results: list(metrics("by name"), "one object for each loader"),
        },
        `The result of \`ltrain ${verb}\`.`,
      ),
    ]),
  ),
  predict_end: event(
    "predict_end",
    {
      ckpt_path: orNull(text("the checkpoint; null: the weights as the seed gives them")),
      output: text("the file that was written"),
      rows: whole("examples in it"),
      seconds: z.number().describe("in all"),
    },
    "The result of `ltrain predict`.",
  ),
};
