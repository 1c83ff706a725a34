import { z } from "zod";
import { list, named, object, orNull, flag, real, text, VERSION, whole } from "./fields.js";

const seconds = (description: string): z.ZodType => z.number().min(0).describe(description);
const DISK = {
  folder: text("where checkpoints go"),
  files: whole("the most that will lie there at once"),
  bytes: whole("of all of them"),
  free: orNull(whole("bytes that are free there")),
};

/** What `train --dry-run --json` prints. */
export const DRY_RUN = object(
  {
    ...VERSION,
    seed: z.union([z.int(), z.boolean()]).describe("seed_everything"),
    engine: text("onnxruntime, tfjs or tfjs-node-gpu"),
    device: text("what it computes on"),
    stages: named(
      object(
        {
          batches: whole("of an epoch"),
          first_seconds: seconds("the first batch, with compiling"),
          seconds_per_batch: seconds("the quickest of those that were tried"),
        },
        "a kind of batch",
      ),
      "train, validation, test and predict, as far as there are batches",
    ),
    seconds_per_epoch: seconds("training and validation"),
    epochs: orNull(whole("null where nothing says how many")),
    peak_memory_bytes: whole("of the process so far"),
    memory_bytes: whole("of the machine"),
    checkpoints: list(
      object({ ...DISK, keeps_all: flag("no older one is removed") }, "a folder of checkpoints"),
      "by ModelCheckpoint",
    ),
  },
  "What a dry run found.",
);

const lines = (description: string): z.ZodType => list(text("a sentence"), description);

/** What `--print-config --json` prints. */
export const PRINTED_CONFIG = object(
  { ...VERSION, config: z.looseObject({}).describe("the resolved config: `ltrain schema` is its schema") },
  "What a run would be configured by.",
);

/** What `resume --plan --json` prints. */
export const RESUME_PLAN = object(
  {
    ...VERSION,
    checkpoint: object(
      {
        path: text("the file"),
        epoch: whole("counted from 0"),
        global_step: whole("optimizer steps"),
        checksums_right: whole("records whose bytes were compared"),
      },
      "where it would go on from",
    ),
    passed_over: list(object({ path: text("the file"), reason: text("why") }, "a newer one"), "that are not sound"),
    restores: lines("the parts that are taken"),
    run_folder: text("where the run would write"),
    goes_on_there: flag("whether that is the folder the checkpoint lies in"),
    config: object(
      { harmless: lines("differences"), "changes-the-mathematics": lines("differences") },
      "how the config differs from the checkpoint's",
    ),
    impossible: lines("why it cannot be resumed like this; empty where it can"),
    next: object(
      {
        epoch: whole("counted from 0"),
        due: orNull(text("what comes before the next batch")),
        batch: whole("its index in the epoch"),
        batches: orNull(whole("of an epoch")),
        examples: orNull(list(z.int(), "indices of its examples")),
        unknown: orNull(text("why the data could not be looked at")),
      },
      "what would be trained first",
    ),
    finished: flag("nothing is left to train"),
    lr: list(real("of a param group"), "learning rates of the next step"),
    disk: list(object(DISK, "a folder of checkpoints"), "by ModelCheckpoint"),
  },
  "What a resume would do.",
);
