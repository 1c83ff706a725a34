import { totalmem } from "node:os";
import { ModelCheckpoint } from "../callbacks/modelCheckpoint.js";
import { durationText } from "../callbacks/progressText.js";
import { Callback } from "../core/callback.js";
import type { TrainerState } from "../core/trainerState.js";
import type { Run } from "../config/instantiate.js";
import { instantiate } from "../config/instantiate.js";
import type { ResolvedConfig } from "../config/loadConfig.js";
import { display, userFailure } from "../config/userModule.js";
import type { Terminal } from "../io/console.js";
import { limitedBatches } from "../trainer/batchLimit.js";
import type { FolderForecast } from "../trainer/diskForecast.js";
import type { BatchLimit } from "../trainer/options.js";
import { initWeights } from "./initWeights.js";
import { jsonDocument } from "./jsonWriter.js";
import { formatBytes, formatCount, plural } from "./units.js";

/** Batches of each kind that are tried: the first compiles, the others say how long one takes. */
const TRIED = 4;

/** What a dry run found, docs/json.md. */
interface DryRun {
  readonly seed: number | boolean;
  readonly engine: string;
  readonly device: string;
  readonly stages: Readonly<Record<string, StageForecast>>;
  readonly seconds_per_epoch: number;
  /** null where nothing says how many epochs there will be. */
  readonly epochs: number | null;
  readonly peak_memory_bytes: number;
  readonly memory_bytes: number;
  readonly checkpoints: readonly (FolderForecast & { readonly keeps_all: boolean })[];
}

/** One kind of batch: how many an epoch has, and how long they take. */
interface StageForecast {
  readonly batches: number;
  /** The first batch, with compiling. */
  readonly first_seconds: number;
  readonly seconds_per_batch: number;
}

/**
 * `ltrain train --dry-run`: everything is built, a few batches of each kind are run, what an epoch will take in time,
 * memory and disk is forecast, and nothing is written. Gives the exit code.
 */
export async function runDry(
  resolved: ResolvedConfig,
  setup: { readonly json: boolean; readonly quiet: boolean; readonly ckptPath: string | null },
  terminal: Terminal,
): Promise<number> {
  const say = (line: string): void => {
    if (!setup.quiet) terminal.stderr.write(`${line}\n`);
  };
  for (const note of resolved.notes) say(`note: ${note}`);
  const config = { ...resolved.config, trainer: { ...resolved.config.trainer, fast_dev_run: TRIED } };
  const trial = new Trial();
  const hasOwn = resolved.callbacks.some(({ config: { class_path: path } }) => path === "ModelCheckpoint");
  const wanted = !hasOwn && resolved.config.trainer["enable_checkpointing"] !== false;
  try {
    const run = instantiate(
      { ...resolved, config },
      {
        extraCallbacks: [trial, ...(wanted ? [new ModelCheckpoint()] : [])],
        onWarning: (message) => {
          say(`warning: ${message}`);
        },
      },
    );
    trial.watch(run, resolved);
    await initWeights(run.module, resolved, setup.ckptPath, say);
    await run.trainer.fit(run.module, run.datamodule, { ckptPath: setup.ckptPath });
    if (run.module.testStep !== undefined && run.datamodule.testDataloader !== undefined) {
      await run.trainer.test(run.module, run.datamodule);
    }
    if (run.datamodule.predictDataloader !== undefined) {
      await run.trainer.predict(run.module, run.datamodule, { returnPredictions: false });
    }
    const found = trial.forecast(resolved, run.config.seed_everything);
    terminal.stdout.write(setup.json ? jsonDocument(found) : `${describe(found).join("\n")}\n`);
    return 0;
  } catch (error) {
    const paths = [resolved.model, resolved.data, ...resolved.callbacks].map(
      ({ config: { class_path: path } }) => path,
    );
    throw userFailure(error, paths);
  }
}

type StageName = "train" | "validation" | "test" | "predict";

/** Holds a clock to every batch, and asks what can only be asked while a fit is under way. */
class Trial extends Callback {
  readonly #seconds = new Map<StageName, number[]>();
  readonly #batches = new Map<StageName, number>();
  #checkpoints: FolderForecast[] = [];
  #engine = "";
  #device = "";
  #start = 0;
  #run: Run | null = null;
  #limits: Readonly<Record<string, unknown>> = {};

  watch(run: Run, resolved: ResolvedConfig): void {
    this.#run = run;
    this.#limits = resolved.config.trainer;
  }

  override async onTrainStart(trainer: TrainerState): Promise<void> {
    if (this.#run === null) return;
    const { engine, device } = trainer.executor;
    [this.#engine, this.#device] = [engine, device];
    this.#checkpoints = await this.#run.trainer.forecastCheckpoints();
    const { datamodule } = this.#run;
    this.#count("train", datamodule.trainDataloader().length);
    this.#count("validation", (await datamodule.valDataloader?.())?.length ?? 0);
  }
  override async onTestStart(): Promise<void> {
    this.#count("test", (await this.#run?.datamodule.testDataloader?.())?.length ?? 0);
  }
  override async onPredictStart(): Promise<void> {
    this.#count("predict", (await this.#run?.datamodule.predictDataloader?.())?.length ?? 0);
  }

  /** The loss is read, so that the batch is over when it is said to be. */
  override wantsOutputs(): boolean {
    return true;
  }
  override onTrainBatchStart = (): void => {
    this.#start = performance.now();
  };
  override onTrainBatchEnd = (): void => {
    this.#stop("train");
  };
  override onValidationBatchStart = this.onTrainBatchStart;
  override onValidationBatchEnd = (): void => {
    this.#stop("validation");
  };
  override onTestBatchStart = this.onTrainBatchStart;
  override onTestBatchEnd = (): void => {
    this.#stop("test");
  };
  override onPredictBatchStart = this.onTrainBatchStart;
  override onPredictBatchEnd = (): void => {
    this.#stop("predict");
  };

  forecast({ config, callbacks }: ResolvedConfig, seed: number | boolean): DryRun {
    const stages = Object.fromEntries(
      [...this.#seconds].map(([name, seconds]) => [name, this.#stageOf(name, seconds)]),
    );
    const took = (name: string): number => {
      const { batches, seconds_per_batch: each } = stages[name] ?? { batches: 0, seconds_per_batch: 0 };
      return batches * each;
    };
    const { max_epochs: maxEpochs, max_steps: maxSteps } = config.trainer;
    const keepsAll = callbacks.some(({ config: { init_args: args } }) => args["save_top_k"] === -1);
    return {
      seed,
      engine: this.#engine,
      device: this.#device,
      stages,
      seconds_per_epoch: took("train") + took("validation"),
      epochs:
        typeof maxEpochs === "number" && maxEpochs > -1
          ? maxEpochs
          : maxSteps === -1 && maxEpochs === null
            ? 1000
            : null,
      peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
      memory_bytes: totalmem(),
      checkpoints: this.#checkpoints.map((forecast) => ({ ...forecast, keeps_all: keepsAll })),
    };
  }

  #count(name: StageName, length: number): void {
    const key = name === "validation" ? "limit_val_batches" : `limit_${name}_batches`;
    this.#batches.set(name, limitedBatches(key, length, (this.#limits[key] ?? null) as BatchLimit));
  }

  #stop(name: StageName): void {
    const seconds = (performance.now() - this.#start) / 1000;
    this.#seconds.set(name, [...(this.#seconds.get(name) ?? []), seconds]);
  }

  #stageOf(name: StageName, [first = 0, ...rest]: readonly number[]): StageForecast {
    return {
      batches: this.#batches.get(name) ?? 0,
      first_seconds: first,
      seconds_per_batch: Math.min(first, ...rest), // code gets warmer from batch to batch: the best is nearest to most
    };
  }
}

function describe(found: DryRun): string[] {
  const { stages, seconds_per_epoch: epoch, epochs } = found;
  const all = epochs === null || epochs < 2 ? "" : `, ${plural(epochs, "epoch")} about ${durationOf(epochs * epoch)}`;
  return [
    `tried       ${TRIED} batches of ${Object.keys(stages).join(", ")}; nothing was written`,
    `engine      ${found.engine} on ${found.device}`,
    ...Object.entries(stages).map(
      ([name, { batches, first_seconds: first, seconds_per_batch: each }]) =>
        `${name.padEnd(11)} ${formatCount(batches)} ${batches === 1 ? "batch" : "batches"}, ${milliseconds(each)} each, the first ${milliseconds(first)}`,
    ),
    `time        an epoch about ${durationOf(epoch)}${all}`,
    `memory      ${formatBytes(found.peak_memory_bytes)} at most so far, of ${formatBytes(found.memory_bytes)}`,
    ...found.checkpoints.map(({ folder, files, bytes, free, keeps_all: keepsAll }) => {
      const room = free === null ? "" : `; ${formatBytes(free)} are free in ${display(folder)}`;
      const more = keepsAll ? " after the first, and each one that follows is kept" : "";
      return `disk        a checkpoint takes ${formatBytes(bytes / files)}, ${formatCount(files)} at once ${formatBytes(bytes)}${more}${room}`;
    }),
  ];
}

const milliseconds = (seconds: number): string => `${(seconds * 1000).toFixed(seconds < 0.01 ? 2 : 0)} ms`;
const durationOf = (seconds: number): string => (seconds < 60 ? `${seconds.toFixed(1)} s` : durationText(seconds));
