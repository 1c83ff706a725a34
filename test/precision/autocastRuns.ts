import { Callback } from "../../src/core/callback.js";
import type { StepResult, TrainerState } from "../../src/core/trainerState.js";
import { toPlain } from "../../src/pickle/convert.js";
import type { PrecisionName } from "../../src/precision/precision.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import type { HostTensor } from "../../src/storage/hostTensor.js";
import { LightningDataModule } from "../../src/core/lightningDataModule.js";
import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import { DataLoader } from "../../src/data/dataLoader.js";
import { TensorDataset } from "../../src/data/dataset.js";
import { ReLU, Tanh } from "../../src/nn/activation.js";
import { Sequential } from "../../src/nn/container.js";
import { mseLoss } from "../../src/nn/functional.js";
import { Linear } from "../../src/nn/linear.js";
import { SGD } from "../../src/optim/sgd.js";
import type { Tensor } from "../../src/tensor/tf.js";
import type { TrainerOptions } from "../../src/trainer/options.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { GradScaler } from "../../src/precision/gradScaler.js";
import type { GradScalerOptions } from "../../src/precision/gradScaler.js";
import { float16Mixed } from "../../src/precision/mixedPrecision.js";
import { openEngine } from "../engine/engines.js";
import { target } from "../engine/target.js";
import { fixture } from "./fixture.js";

/** A run of real torch: see make.py. */
export interface TorchRun {
  readonly steps: readonly { readonly loss: number; readonly scaler?: Readonly<Record<string, number>> }[];
  readonly weights: Readonly<Record<string, readonly number[]>>;
}

interface Runs {
  readonly init: Readonly<Record<string, readonly number[]>>;
  readonly data: readonly number[];
  readonly runs: Readonly<Record<string, TorchRun>>;
}

const RUNS = fixture("runs.json") as Runs;

/** What torch did in one precision. */
export function torchRun(name: string): TorchRun {
  const run = RUNS.runs[name];
  if (run === undefined) throw new Error(`make.py made no ${name}`);
  return run;
}

/** The MLP of make.py, from its first weights, with its optimizer. */
export class Mlp extends LightningModule<readonly [Tensor]> {
  readonly layers: Sequential;

  constructor({ bias }: { readonly bias: boolean }) {
    super();
    const linear = (from: number, to: number): Linear => new Linear(from, to, { bias });
    this.layers = new Sequential(linear(16, 32), new ReLU(), linear(32, 24), new Tanh(), linear(24, 16));
    for (const [name, variable] of this.state()) {
      variable.write(float32Tensor(Float32Array.from(RUNS.init[name] ?? []), variable.shape));
    }
  }

  override trainingStep([x]: readonly [Tensor]): Tensor {
    const loss = mseLoss(this.layers.forward(x), x);
    this.log("train_loss", loss);
    return loss;
  }

  override configureOptimizers(): OptimizerSetup {
    return new SGD(this.parameters(), { lr: 0.2, momentum: 0.9 });
  }
}

/** The data of make.py: 48 rows in six batches. */
export class Rows extends LightningDataModule {
  override trainDataloader(): DataLoader {
    const rows: HostTensor = float32Tensor(Float32Array.from(RUNS.data), [48, 16]);
    return new DataLoader(new TensorDataset(rows), { batchSize: 8 });
  }
}

/** The engine that knows halves on the CPU, and no files. */
export const ON_CPU = { engine: "onnxruntime", accelerator: "cpu", logger: false } as const;

/** The same on the device that the suite runs on. */
const HERE = { ...ON_CPU, accelerator: target.kind === "cpu" ? "cpu" : "gpu" } as const;

/** The device that the suite runs on, and what it computes in. */
export async function deviceHere(): Promise<{ readonly device: string; readonly halves: readonly string[] }> {
  const executor = await openEngine("onnxruntime");
  await executor.dispose();
  return { device: executor.device, halves: executor.halves ?? [] };
}

/** What was seen after every step of a run. */
export interface OurRun {
  readonly module: Mlp;
  readonly losses: number[];
  /** The scaler's state after each step; only where options for one were given. */
  readonly scalers: unknown[];
}

/** Train the MLP on 30 batches on the engine that knows halves; `more` is for the trainer. */
export async function train(
  precision: PrecisionName,
  scalerOptions?: GradScalerOptions,
  more: TrainerOptions = {},
): Promise<OurRun> {
  const scaler = scalerOptions === undefined ? undefined : new GradScaler(scalerOptions);
  const run: OurRun = { module: new Mlp({ bias: scaler === undefined }), losses: [], scalers: [] };
  class Notes extends Callback {
    override wantsOutputs(): boolean {
      return true;
    }
    override onTrainBatchEnd(_trainer: TrainerState, _module: LightningModule, outputs: StepResult): void {
      run.losses.push(outputs["loss"] ?? Number.NaN);
      if (scaler !== undefined) run.scalers.push({ ...(toPlain(scaler.stateDict()) as object) });
    }
  }
  const trainer = new Trainer({
    precision: scaler === undefined ? precision : float16Mixed(scaler),
    maxEpochs: 5,
    ...HERE,
    ...more,
    enableCheckpointing: false,
    callbacks: [new Notes()],
  });
  await trainer.fit(run.module, new Rows());
  return run;
}

/** The losses of a run of torch's. */
export function lossesOf(run: TorchRun): number[] {
  return run.steps.map(({ loss }) => loss);
}
