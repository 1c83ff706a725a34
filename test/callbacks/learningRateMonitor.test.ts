import { readFileSync } from "node:fs";
import { LearningRateMonitor } from "../../src/callbacks/learningRateMonitor.js";
import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import type { Logger } from "../../src/core/logger.js";
import { ParameterList } from "../../src/nn/container.js";
import { Parameter } from "../../src/nn/parameter.js";
import { SGD } from "../../src/optim/sgd.js";
import { pythonFloat } from "../../src/pickle/pythonFloat.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { optimizerOf, scheduleOf, type Arguments } from "../optim/build.js";
import { Rows } from "../trainer/tinyRun.js";
import { fakeTrainer } from "./fakeTrainer.js";

interface Case {
  readonly name: string;
  readonly args?: Record<string, unknown>;
  readonly trainer?: { readonly log_every_n_steps?: number; readonly accumulate_grad_batches?: number };
  readonly optimizers: readonly {
    readonly class: string;
    readonly args: Arguments;
    readonly groups?: readonly Arguments[];
  }[];
  readonly schedulers?: readonly {
    readonly optimizer: number;
    readonly class: string;
    readonly args: Arguments;
    readonly config?: { readonly interval?: "step" | "epoch"; readonly name?: string };
  }[];
  readonly rows: readonly { readonly step: number; readonly metrics: readonly (readonly [string, number])[] }[];
  readonly callback_metrics: readonly (readonly [string, string])[];
}
const { cases } = JSON.parse(
  readFileSync(new URL("../fixtures/callbacks/learningRateMonitor.json", import.meta.url), "utf8"),
) as { readonly cases: readonly Case[] };

/** The fixture's module: a number for every param group, and a loss that moves none of them. */
class Numbers extends LightningModule<readonly [Tensor]> {
  readonly parts: ParameterList;
  readonly #case: Case;
  readonly #numbers: readonly (readonly Parameter[])[];

  constructor(given: Case) {
    super();
    this.#case = given;
    const one = (): Parameter => new Parameter(float32Tensor(Float32Array.of(1), [1]));
    this.#numbers = given.optimizers.map(({ groups = [{}] }) => groups.map(one));
    this.parts = new ParameterList(this.#numbers.flat());
    this.automaticOptimization = given.optimizers.length === 1;
  }

  // eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- by hand it gives nothing back
  trainingStep(): Tensor | void {
    const all = this.#numbers.flat().map(({ value }) => tf.sum(value));
    const loss = tf.mul(tf.addN(all as [Tensor, ...Tensor[]]), 0);
    if (this.automaticOptimization) return loss;
    this.manualBackward(loss);
    for (const optimizer of this.optimizers()) optimizer.step();
  }

  override onTrainEpochEnd(): void {
    if (!this.automaticOptimization) for (const scheduler of this.lrSchedulers()) scheduler.step();
  }

  configureOptimizers(): OptimizerSetup {
    const optimizers = this.#case.optimizers.map((given, i) => {
      const groups = (given.groups ?? [{}]).map((group, j) => ({
        params: [this.#numbers[i]?.[j]],
        ...Object.fromEntries(
          Object.entries(group).map(([key, value]) => [key.replace("weight_decay", "weightDecay"), value]),
        ),
      }));
      return optimizerOf(given.class, groups, given.args);
    });
    const schedulers = (this.#case.schedulers ?? []).map(({ optimizer, class: name, args, config = {} }) => {
      const chosen = optimizers[optimizer];
      if (chosen === undefined) throw new Error(`there is no optimizer ${optimizer}`);
      return { scheduler: scheduleOf(chosen, name, args), ...config };
    });
    return [optimizers, schedulers];
  }
}

class RowsLogger implements Logger {
  readonly name = "rows";
  readonly logDir = null;
  readonly rows: Case["rows"][number][] = [];
  logHyperparams = (): Promise<void> => Promise.resolve();
  save = (): Promise<void> => Promise.resolve();
  finalize = (): Promise<void> => Promise.resolve();
  logMetrics(metrics: Readonly<Record<string, number>>, step: number): Promise<void> {
    if (!("epoch" in metrics)) this.rows.push({ step, metrics: Object.entries(metrics) });
    return Promise.resolve();
  }
}

test.each(cases.map(({ name }) => name))("names, values and moments are Lightning's: %s", async (name) => {
  const recorded = cases.find((each) => each.name === name);
  if (recorded === undefined) throw new Error(name);
  const { logging_interval, log_momentum, log_weight_decay } = recorded.args ?? {};
  const monitor = new LearningRateMonitor({
    loggingInterval: (logging_interval ?? null) as "step" | "epoch" | null,
    logMomentum: log_momentum === true,
    logWeightDecay: log_weight_decay === true,
  });
  const logger = new RowsLogger();
  const warnings: string[] = [];
  const trainer = new Trainer({
    maxEpochs: 2,
    callbacks: [monitor],
    logger,
    engine: "tfjs",
    enableCheckpointing: false,
    logEveryNSteps: recorded.trainer?.log_every_n_steps ?? 1,
    accumulateGradBatches: recorded.trainer?.accumulate_grad_batches ?? 1,
    onWarning: (message) => warnings.push(message),
  });
  await trainer.fit(new Numbers(recorded), new Rows(float32Tensor(Float32Array.of(1, 1, 1), [3, 1]), { batchSize: 1 }));
  expect(logger.rows).toEqual(recorded.rows);
  const shown = [...trainer.callbackMetrics].map(([key, value]) => [key, pythonFloat(value).replace(/^0\.0$/, "0")]);
  expect(shown).toEqual(recorded.callback_metrics.map(([key, value]) => [key, value.replace(/^0\.0$/, "0")]));
});

test("without a logger it has nowhere to log to", () => {
  const monitor = new LearningRateMonitor();
  expect(() => {
    monitor.onTrainStart(fakeTrainer());
  }).toThrow("LearningRateMonitor has nowhere to log to: the trainer has no logger");
  monitor.onTrainStart(fakeTrainer({ fastDevRun: true }));
});

test("param groups of one name are refused, and a momentum that is not there is told", () => {
  const groups = ["a", "a"].map((name) => ({ params: [new Parameter(float32Tensor(Float32Array.of(1), [1]))], name }));
  const trainer = fakeTrainer({ loggers: [new RowsLogger()], optimizers: [new SGD(groups, { lr: 1 })] });
  expect(() => {
    new LearningRateMonitor().onTrainStart(trainer);
  }).toThrow('LearningRateMonitor: two param groups of lr-SGD are called "a"');
  const adagrad = optimizerOf("Adagrad", [new Parameter(float32Tensor(Float32Array.of(1), [1]))], { lr: 1 });
  const other = fakeTrainer({ loggers: [new RowsLogger()], optimizers: [adagrad] });
  new LearningRateMonitor({ logMomentum: true }).onTrainStart(other);
  expect(other.warnings).toEqual([
    "LearningRateMonitor: log_momentum is set, and an optimizer has no momentum: 0 is logged for it",
  ]);
});

test("an interval that is none is refused", () => {
  expect(() => new LearningRateMonitor({ loggingInterval: "batch" as "step" })).toThrow(
    "LearningRateMonitor: logging_interval must be step, epoch or null, got batch",
  );
});
