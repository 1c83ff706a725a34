import { z } from "zod";
import { list, metric, object, orNull, real, text, VERSION, whole } from "./fields.js";

/** What `runs --json` prints. */
export const RUNS = object(
  {
    ...VERSION,
    path: text("the folder as given"),
    runs: list(
      object(
        {
          path: text("the run's folder"),
          state: z
            .enum(["running", "done", "interrupted", "failed", "unknown"])
            .describe("running, done, interrupted, failed or unknown"),
          reason: orNull(text("why it ended")),
          model: orNull(text("the module's class")),
          best: orNull(metric("by what its ModelCheckpoint watches")),
          epochs: orNull(whole("that are over")),
          global_step: orNull(whole("optimizer steps")),
          bytes: whole("of the folder"),
          started: text("ISO 8601"),
          seconds: orNull(z.number().describe("of training")),
          best_model_path: orNull(text("its best checkpoint")),
          last_checkpoint_path: orNull(text("its newest checkpoint")),
        },
        "a run",
      ),
      "the newest first",
    ),
  },
  "The runs below a folder.",
);

/** What `plot --json` prints. */
export const PLOT = object(
  {
    ...VERSION,
    runs: list(object({ name: text("short"), path: text("the run's folder") }, "a run"), "that were read"),
    smooth: z.number().describe("--smooth"),
    charts: list(
      object(
        {
          title: text("the metric or its kind"),
          x: text("what is counted: step or epoch"),
          series: list(
            object({ label: text("metric or run"), x: list(real("a place"), "places"), y: list(real("a value"), "values") }, "a curve"), // prettier-ignore
            "curves",
          ),
        },
        "a chart",
      ),
      "as they would be drawn",
    ),
  },
  "The points of the curves.",
);

/** What `report --json` prints. */
export const REPORT = object(
  {
    ...VERSION,
    path: text("the page"),
    bytes: whole("of it"),
    runs: list(text("a folder"), "that it shows"),
  },
  "What was written.",
);

/** What `completion --json` prints. */
export const COMPLETION = object(
  { ...VERSION, shell: z.enum(["bash", "zsh", "fish"]).describe("as given"), script: text("for that shell") },
  "A completion script.",
);

/** What stderr has when a command fails under `--json`. */
export const ERROR = object(
  {
    ...VERSION,
    error: object(
      {
        code: text("stable: docs/exit-codes.md"),
        message: text("for people"),
        hint: orNull(text("the way out")),
      },
      "why",
    ),
  },
  "A failure, on stderr.",
);
