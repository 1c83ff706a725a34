/** The run that is tortured: a few numbers to learn, and a callback that can hurt itself at a chosen moment. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  Callback,
  DataLoader,
  LightningDataModule,
  LightningModule,
  nn,
  optim,
  tf,
  type Tensor,
  type TrainerState,
} from "ltrain";

type Batch = [Tensor];

export class Tiny extends LightningModule<Batch> {
  readonly layer = new nn.Linear(3, 3);
  readonly drop = new nn.Dropout(0.3);
  /** With it a checkpoint has 12 MB, and is written by a thread while training goes on. */
  readonly wide: nn.Linear | null;

  constructor({ wide = false }: { readonly wide?: boolean } = {}) {
    super();
    this.wide = wide ? new nn.Linear(1024, 1024, { bias: false }) : null;
  }

  override trainingStep([x]: Batch): Tensor {
    let loss: Tensor = tf.mean(tf.squaredDifference(this.layer.forward(this.drop.forward(x)), x));
    if (this.wide !== null) loss = tf.add(loss, tf.mean(tf.square(this.wide.weight.value)));
    this.log("train_loss", loss, { onStep: true, onEpoch: false });
    return loss;
  }
  override validationStep([x]: Batch): void {
    this.log("val_loss", tf.mean(tf.squaredDifference(this.layer.forward(x), x)));
  }
  override configureOptimizers(): { optimizer: optim.Optimizer; lrScheduler: optim.LRScheduler } {
    const optimizer = new optim.Adam(this.parameters(), { lr: 0.05 });
    return { optimizer, lrScheduler: new optim.StepLR(optimizer, { stepSize: 1, gamma: 0.5 }) };
  }
}

const phase = process.env["TORTURE_PHASE"] ?? "";
const signal = process.env["TORTURE_SIGNAL"] ?? "";
const at = Number(process.env["TORTURE_AT"] ?? "3");
let count = 0;
let hurtAt = Number.POSITIVE_INFINITY;

/** The chosen moment, when it is this one; `at` times it passes by first. */
function moment(name: string): void {
  if (name !== phase) return;
  count += 1;
  if (count !== at) return;
  process.stderr.write(`TORTURE ${name}\n`);
  hurtAt = performance.now();
  if (signal === "throw") throw new Error("as was wished");
  if (signal !== "") process.kill(process.pid, signal);
  if (process.env["TORTURE_TWICE"] !== undefined) setTimeout(() => process.kill(process.pid, signal), 50);
}

class Rows {
  readonly length: number;
  readonly #name: string;
  constructor(length: number, name: string) {
    this.length = length;
    this.#name = name;
  }
  async getItem(index: number): Promise<[Float32Array]> {
    moment(this.#name);
    if (phase === this.#name && count === at) await sleep(signal === "throw" ? 0 : 60_000);
    return [Float32Array.of(index / 24, (index * 7) % 5, 1 - index / 12)];
  }
}

export class TinyData extends LightningDataModule {
  trainDataloader(): DataLoader {
    return new DataLoader(new Rows(24, "data"), { batchSize: 4, shuffle: true });
  }
  override valDataloader(): DataLoader {
    return new DataLoader(new Rows(8, "validation data"), { batchSize: 4 });
  }
}

export class Phase extends Callback {
  /** Where training stands when all of it is done: checkpoints of a run that was broken may be of other moments. */
  override async onFitEnd(trainer: TrainerState): Promise<void> {
    if (trainer.currentEpoch === trainer.maxEpochs) await trainer.saveCheckpoint("end.ckpt");
  }
  override onSanityCheckStart(): void {
    moment("sanity check");
  }
  override onTrainBatchStart(_trainer: unknown, _module: unknown, batchIdx: number): void {
    if (performance.now() > hurtAt) process.stderr.write(`LATER ${performance.now() - hurtAt}\n`);
    moment("step");
    if (batchIdx === 0) moment("compile");
  }
  override onTrainBatchEnd(): void {
    moment("batch end");
  }
  override onValidationBatchStart(trainer: { stage: string }): void {
    if (trainer.stage !== "sanityCheck") moment("validation");
  }
  override onValidationEnd(trainer: { stage: string }): void {
    if (trainer.stage !== "sanityCheck") moment("validation end");
  }
  override onSaveCheckpoint(): void {
    moment("save");
  }
  override onTrainEpochEnd(): void {
    moment("epoch end");
  }
}
