import { camelKeys } from "./camelKeys.js";
import type { AnyClassEntry } from "./classEntry.js";
import {
  backboneFinetuningArgs,
  earlyStoppingArgs,
  emaWeightAveragingArgs,
  gradientAccumulationSchedulerArgs,
  learningRateMonitorArgs,
  modelCheckpointArgs,
  modelSummaryArgs,
  progressBarArgs,
  stochasticWeightAveragingArgs,
  timerArgs,
  weightAveragingArgs,
} from "./builtInCallbackArgs.js";
import { lightning } from "./lightningPath.js";
import type { EarlyStoppingOptions } from "../callbacks/earlyStopping.js";
import type { StochasticWeightAveragingOptions } from "../callbacks/stochasticWeightAveraging.js";
import type { GradientAccumulationSchedulerOptions } from "../callbacks/gradientAccumulationScheduler.js";

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
  {
    kind: "callback",
    name: "LearningRateMonitor",
    paths: lightning("callbacks.LearningRateMonitor"),
    description: "Logs the learning rate of every param group.",
    args: learningRateMonitorArgs,
    load: async () => {
      const { LearningRateMonitor } = await import("../callbacks/learningRateMonitor.js");
      return (args) => new LearningRateMonitor(camelKeys(args));
    },
  },
  {
    kind: "callback",
    name: "Timer",
    paths: lightning("callbacks.Timer"),
    description: "Ends training after a length of time.",
    args: timerArgs,
    load: async () => {
      const { Timer } = await import("../callbacks/timer.js");
      return (args) => new Timer(camelKeys(args));
    },
  },
  {
    kind: "callback",
    name: "GradientAccumulationScheduler",
    paths: lightning("callbacks.GradientAccumulationScheduler"),
    description: "Changes how many batches make one optimizer step from epoch to epoch.",
    args: gradientAccumulationSchedulerArgs,
    load: async () => {
      const { GradientAccumulationScheduler } = await import("../callbacks/gradientAccumulationScheduler.js");
      return (args) =>
        new GradientAccumulationScheduler(camelKeys(args) as unknown as GradientAccumulationSchedulerOptions);
    },
  },
  {
    kind: "callback",
    name: "BackboneFinetuning",
    paths: lightning("callbacks.BackboneFinetuning"),
    description: "Trains the head first, and the module's backbone from an epoch on.",
    args: backboneFinetuningArgs,
    load: async () => {
      const { BackboneFinetuning } = await import("../callbacks/backboneFinetuning.js");
      return (args) => new BackboneFinetuning(camelKeys(args));
    },
  },
  {
    kind: "callback",
    name: "StochasticWeightAveraging",
    paths: lightning("callbacks.StochasticWeightAveraging"),
    description: "Averages the weights of the last epochs, under a learning rate of its own.",
    args: stochasticWeightAveragingArgs,
    load: async () => {
      const { StochasticWeightAveraging } = await import("../callbacks/stochasticWeightAveraging.js");
      return (args) => new StochasticWeightAveraging(camelKeys(args) as unknown as StochasticWeightAveragingOptions);
    },
  },
  {
    kind: "callback",
    name: "WeightAveraging",
    paths: lightning("callbacks.WeightAveraging"),
    description: "Keeps the average of the weights: validation and the file's state_dict have it.",
    args: weightAveragingArgs,
    load: async () => {
      const { WeightAveraging } = await import("../callbacks/weightAveraging.js");
      return (args) => new WeightAveraging(camelKeys(args));
    },
  },
  {
    kind: "callback",
    name: "EMAWeightAveraging",
    paths: lightning("callbacks.EMAWeightAveraging"),
    description: "Keeps the exponential moving average of the weights.",
    args: emaWeightAveragingArgs,
    load: async () => {
      const { EMAWeightAveraging } = await import("../callbacks/emaWeightAveraging.js");
      return (args) => new EMAWeightAveraging(camelKeys(args));
    },
  },
];
