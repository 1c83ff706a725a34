import { resolve } from "node:path";
import type { Callback } from "../core/callback.js";
import type { LightningDataModule } from "../core/lightningDataModule.js";
import type { LightningModule, OptimizerSetup } from "../core/lightningModule.js";
import type { Logger } from "../core/logger.js";
import type { Compilation } from "../engine/executor.js";
import type { Terminal } from "../io/console.js";
import { ModelSummary } from "../callbacks/modelSummary.js";
import { ProgressBar } from "../callbacks/progressBar.js";
import { seedEverything } from "../tensor/seed.js";
import type { TrainerOptions } from "../trainer/options.js";
import { Trainer } from "../trainer/trainer.js";
import { csvLogger } from "./builtInLoggers.js";
import type { LoggerPlace, RunFolder } from "./classEntry.js";
import type { Config } from "./config.js";
import type { ResolvedConfig } from "./loadConfig.js";

/** What a run is given beside its config. */
export interface RunSetup {
  /** Where the progress bar and the summary write; without it there are none. */
  readonly terminal?: Terminal;
  /** false: no progress bar, whatever the config says. */
  readonly showProgress?: boolean;
  /** Callbacks of the command's own. */
  readonly extraCallbacks?: readonly Callback[];
  /** The folder of the run that is resumed; without it the logger opens a new version. */
  readonly runFolder?: RunFolder;
  readonly onCompile?: (compilation: Compilation) => void;
  readonly onWarning?: (message: string) => void;
}

/** The objects of one run. */
export interface Run {
  readonly module: LightningModule;
  readonly datamodule: LightningDataModule;
  readonly trainer: Trainer;
  /** The config with the seed that was used: what the checkpoints keep. */
  readonly config: Config;
}

/** Make a config's objects: the seed first, as Lightning does, then module, data and trainer. */
export function instantiate(resolved: ResolvedConfig, setup: RunSetup = {}): Run {
  const config = withSeed(resolved.config);
  if (typeof config.seed_everything === "number") seedEverything(config.seed_everything);
  const module = resolved.model.build();
  useConfiguredOptimizer(module, resolved);
  const datamodule = resolved.data.build();
  const trainer = new Trainer(trainerOptions(resolved, config, setup));
  return { module, datamodule, trainer, config };
}

/** `true` draws a seed, which is then kept like one that was given. */
function withSeed(config: Config): Config {
  return config.seed_everything === true ? { ...config, seed_everything: Math.floor(Math.random() * 2 ** 32) } : config;
}

/** An `optimizer` in the config takes the place of the module's own configureOptimizers, as in LightningCLI. */
function useConfiguredOptimizer(module: LightningModule, { optimizer, lrScheduler }: ResolvedConfig): void {
  if (optimizer === null) return;
  const configureOptimizers = (): OptimizerSetup => {
    const built = optimizer.build(module.parameters());
    return lrScheduler === null ? built : { optimizer: built, lrScheduler: lrScheduler.build(built) };
  };
  // Not enumerable: a module's own enumerable fields are its children and parameters.
  Object.defineProperty(module, "configureOptimizers", { value: configureOptimizers, enumerable: false });
}

function trainerOptions(resolved: ResolvedConfig, config: Config, setup: RunSetup): TrainerOptions {
  const option = (name: string): unknown => config.trainer[name] ?? undefined;
  const rootDir = resolve((option("default_root_dir") as string | undefined) ?? ".");
  const given = {
    accelerator: option("accelerator"),
    deterministic: option("deterministic"),
    engine: option("engine"),
    precision: option("precision"),
    maxEpochs: option("max_epochs"),
    maxSteps: option("max_steps"),
    minEpochs: option("min_epochs"),
    minSteps: option("min_steps"),
    maxTime: option("max_time"),
    overfitBatches: config.trainer["overfit_batches"], // null is all of them
    limitTrainBatches: option("limit_train_batches"),
    limitValBatches: option("limit_val_batches"),
    limitTestBatches: option("limit_test_batches"),
    limitPredictBatches: option("limit_predict_batches"),
    fastDevRun: option("fast_dev_run"),
    valCheckInterval: option("val_check_interval"),
    checkValEveryNEpoch: config.trainer["check_val_every_n_epoch"], // null is none
    reloadDataloadersEveryNEpochs: option("reload_dataloaders_every_n_epochs"),
    accumulateGradBatches: option("accumulate_grad_batches"),
    gradientClipVal: option("gradient_clip_val"),
    gradientClipAlgorithm: option("gradient_clip_algorithm"),
    numSanityValSteps: option("num_sanity_val_steps"),
    logEveryNSteps: option("log_every_n_steps"),
    verifyCheckpoints: option("verify_checkpoints"),
    asyncCheckpoints: option("async_checkpoints"),
    onDiskFull: option("on_disk_full"),
    enableCheckpointing: option("enable_checkpointing"),
    enableProgressBar: option("enable_progress_bar"),
    enableModelSummary: option("enable_model_summary"),
    enableAutologHparams: option("enable_autolog_hparams"),
    detectAnomaly: option("detect_anomaly"),
    barebones: option("barebones"),
  };
  const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return {
    ...(options as TrainerOptions), // the config's schema has looked at every one of them
    defaultRootDir: rootDir,
    logger: config.trainer["fast_dev_run"] ? false : loggersOf(resolved, rootDir, setup.runFolder),
    callbacks: callbacksOf(resolved, setup),
    config,
    ...(setup.onCompile === undefined ? {} : { onCompile: setup.onCompile }),
    ...(setup.onWarning === undefined ? {} : { onWarning: setup.onWarning }),
  };
}

/** The config's loggers; those that would open a new version of one name share it, and a run that goes on is gone on with. */
function loggersOf({ loggers }: ResolvedConfig, rootDir: string, runFolder: RunFolder | undefined): Logger[] {
  const placeOf = (folder: RunFolder | undefined, isFirst: boolean): LoggerPlace => {
    return folder === undefined ? { rootDir, isFirst } : { rootDir, isFirst, runFolder: folder };
  };
  if (loggers === null) return [csvLogger({}, placeOf(runFolder, true))];
  const [first, ...others] = loggers;
  if (first === undefined) return [];
  const made = first.build(placeOf(runFolder, true));
  if (others.length === 0) return [made];
  const folder = runFolder ?? folderOf(made);
  return [made, ...others.map((logger) => logger.build(placeOf(folder, false)))];
}

/** The folder of a logger that divides it as Lightning's do. */
function folderOf(logger: Logger & Partial<RunFolder>): RunFolder | undefined {
  const { saveDir, name, version } = logger;
  return saveDir === undefined || version === undefined ? undefined : { saveDir, name, version };
}

/** The config's callbacks, a progress bar and a summary unless they are there or not wanted, and the command's own. */
function callbacksOf(
  resolved: ResolvedConfig,
  { terminal, showProgress = true, extraCallbacks = [] }: RunSetup,
): Callback[] {
  const { enable_model_summary: summary, enable_progress_bar: bar, barebones } = resolved.config.trainer;
  const callbacks = resolved.callbacks
    .map((callback) => callback.build(terminal))
    .filter((callback) => showProgress || !(callback instanceof ProgressBar));
  const has = (kind: typeof ModelSummary | typeof ProgressBar): boolean =>
    callbacks.some((callback) => callback instanceof kind);
  const isBare = barebones === true;
  if (terminal !== undefined && !isBare && summary !== false && !has(ModelSummary))
    callbacks.push(new ModelSummary({ terminal }));
  if (terminal !== undefined && !isBare && showProgress && bar !== false && !has(ProgressBar)) {
    callbacks.push(new ProgressBar({ terminal }));
  }
  return [...callbacks, ...extraCallbacks];
}
