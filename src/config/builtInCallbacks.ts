import { camelKeys } from "./camelKeys.js";
import type { AnyClassEntry } from "./classEntry.js";
import { earlyStoppingArgs, modelCheckpointArgs, modelSummaryArgs, progressBarArgs } from "./builtInCallbackArgs.js";
import { lightning } from "./lightningPath.js";
import type { EarlyStoppingOptions } from "../callbacks/earlyStopping.js";

/** Every callback that a config can name without a file. */
export const BUILT_IN_CALLBACKS: readonly AnyClassEntry[] = [
  {
    kind: "callback",
    name: "ModelCheckpoint",
    paths: lightning("callbacks.ModelCheckpoint"),
    description: "Saves checkpoints as training goes on and keeps the best of them.",
    args: modelCheckpointArgs,
    load: async () => {
      const { ModelCheckpoint } = await import("../callbacks/modelCheckpoint.js");
      return (args) => new ModelCheckpoint(camelKeys(args));
    },
  },
  {
    kind: "callback",
    name: "ProgressBar",
    paths: [...lightning("callbacks.TQDMProgressBar"), ...lightning("callbacks.ProgressBar"), "TQDMProgressBar"],
    description: "Shows how far training is.",
    args: progressBarArgs,
    load: async () => {
      const { ProgressBar } = await import("../callbacks/progressBar.js");
      return (args, terminal) =>
        new ProgressBar({ ...camelKeys(args), ...(terminal === undefined ? {} : { terminal }) });
    },
  },
  {
    kind: "callback",
    name: "ModelSummary",
    paths: lightning("callbacks.ModelSummary"),
    description: "Prints the module's parts and their parameters before training.",
    args: modelSummaryArgs,
    load: async () => {
      const { ModelSummary } = await import("../callbacks/modelSummary.js");
      return (args, terminal) =>
        new ModelSummary({ ...camelKeys(args), ...(terminal === undefined ? {} : { terminal }) });
    },
  },
  {
    kind: "callback",
    name: "EarlyStopping",
    paths: lightning("callbacks.EarlyStopping"),
    description: "Ends training when a logged metric stops getting better.",
    args: earlyStoppingArgs,
    load: async () => {
      const { EarlyStopping } = await import("../callbacks/earlyStopping.js");
      return (args) => new EarlyStopping(camelKeys(args) as unknown as EarlyStoppingOptions);
    },
  },
];
