import { Callback } from "../../src/core/callback.js";
import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import type { StepResult } from "../../src/core/trainerState.js";
import { Linear } from "../../src/nn/linear.js";
import { ReduceLROnPlateau, SGD, type LRScheduler } from "../../src/optim/index.js";
import { tf, type Tensor } from "../../src/tensor/tf.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { fixtureRows, QUIET, Rows } from "./tinyRun.js";

class Plateau extends LightningModule<readonly [Tensor]> {
  readonly net = new Linear(8, 8);
  readonly seen: [string, number | undefined][] = [];
  readonly #monitor: string;
  readonly #strict: boolean;
  constructor(monitor: string, strict = true) {
    super();
    this.#monitor = monitor;
    this.#strict = strict;
  }
  trainingStep([x]: readonly [Tensor]): Tensor {
    const loss = tf.mean(tf.square(this.net.forward(x)));
    this.log("loss", loss);
    return loss;
  }
  override lrSchedulerStep(scheduler: LRScheduler, metric?: number): void {
    this.seen.push([scheduler.constructor.name, metric]);
    scheduler.step(metric);
  }
  configureOptimizers(): OptimizerSetup {
    const optimizer = new SGD(this.net.parameters(), { lr: 0 });
    const scheduler = new ReduceLROnPlateau(optimizer, { patience: 0, factor: 0.5, eps: 0 });
    return {
      optimizer,
      lrScheduler: { scheduler, interval: "step", frequency: 2, monitor: this.#monitor, strict: this.#strict },
    };
  }
}

test("a plateau scheduler with interval step is told the metric of that very batch, every `frequency` batches, through lrSchedulerStep", async () => {
  const module = new Plateau("loss");
  const logged: number[] = [];
  class Notes extends Callback {
    override wantsOutputs(): boolean {
      return true;
    }
    override onTrainBatchEnd(_trainer: unknown, _module: unknown, outputs: StepResult): void {
      logged.push(outputs["loss"] ?? NaN);
    }
  }
  const trainer = new Trainer({ ...QUIET, maxEpochs: 1, callbacks: [new Notes()] });
  await trainer.fit(module, new Rows(fixtureRows(20), { batchSize: 4 }));
  expect(module.seen).toEqual([
    ["ReduceLROnPlateau", logged[1]],
    ["ReduceLROnPlateau", logged[3]],
  ]);
});

test("a metric that is not logged is an error for a strict scheduler, and told by another", async () => {
  const warnings: string[] = [];
  const run = (strict: boolean): Promise<unknown> =>
    new Trainer({ ...QUIET, maxEpochs: 1, onWarning: (message) => warnings.push(message) })
      .fit(new Plateau("val_loss", strict) as LightningModule, new Rows(fixtureRows(20), { batchSize: 4 }))
      .catch((error: unknown) => (error instanceof Error ? error.message : error));
  expect(await run(true)).toContain("ReduceLROnPlateau watches val_loss, which is not logged; logged are: loss");
  await run(false);
  expect(warnings).toContainEqual(expect.stringContaining("watches val_loss, which is not logged"));
});
