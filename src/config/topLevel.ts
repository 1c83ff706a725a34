import { z } from "zod";

/** The plain keys at the top of a config; the others name classes or are the trainer's. */
export const TOP_LEVEL = {
  seed_everything: z
    .union([z.boolean(), z.int().min(0).max(0xffff_ffff)])
    .default(true)
    .meta({
      description:
        "Seed of every random number, set before the model is made. true: one is drawn and kept; false: none is set.",
      expected: "true, false or an integer from 0 to 4294967295",
    }),
  ckpt_path: z
    .string()
    .nullable()
    .default(null)
    .describe(
      "A checkpoint to start from: model, optimizer, epoch and step are restored. Relative to the current folder.",
    ),
} as const satisfies Record<string, z.ZodType>;
