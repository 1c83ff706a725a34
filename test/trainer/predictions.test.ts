import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import type { StepPrediction } from "../../src/core/prediction.js";
import type { Batch } from "../../src/data/batch.js";
import { isHostTensor } from "../../src/data/batch.js";
import { DataLoader } from "../../src/data/dataLoader.js";
import type { Dataset } from "../../src/data/dataset.js";
import { readNpy } from "../../src/data/npy.js";
import { Sequential } from "../../src/nn/container.js";
import { ReLU } from "../../src/nn/activation.js";
import { Linear } from "../../src/nn/linear.js";
import { itemSize } from "../../src/storage/dtype.js";
import type { HostTensor } from "../../src/storage/hostTensor.js";
import { numelOf } from "../../src/storage/hostTensor.js";
import { hostNumbers } from "../../src/tensor/cast.js";
import { tf, type Tensor } from "../../src/tensor/tf.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { enginesHere } from "../engine/engines.js";
import { target } from "../engine/target.js";
import { Cnn, Gpt } from "../nn/models.js";
import { fixtureSource } from "../tensor/fixture.js";
import { trained } from "./tinyRun.js";

/** What fixtures/make-predictions.py had real torch predict. */
const TORCH = JSON.parse(
  readFileSync(fileURLToPath(new URL("../fixtures/predictions.json", import.meta.url)), "utf8"),
) as Readonly<Record<string, unknown[]>>;

const engines = await enginesHere();

/** A module that is only predicted with. */
abstract class Predicting extends LightningModule<Tensor> {
  trainingStep(): void {
    throw new Error("not called");
  }
  configureOptimizers(): OptimizerSetup {
    throw new Error("not called");
  }
}

class LitAutoEncoder extends Predicting {
  readonly encoder = new Sequential(new Linear(8, 4), new ReLU());
  readonly decoder = new Sequential(new Linear(4, 8));
  override predictStep(x: Tensor): StepPrediction {
    const code = this.encoder.forward(x);
    return { code, x: this.decoder.forward(code) };
  }
}

class LitCnn extends Predicting {
  readonly net = new Cnn().net;
  override predictStep(x: Tensor): StepPrediction {
    const logits = this.net.forward(x);
    return [logits, { label: tf.argMax(logits, -1) }];
  }
}

class LitGpt extends Predicting {
  readonly wte: Gpt["wte"];
  readonly wpe: Gpt["wpe"];
  readonly blocks: Gpt["blocks"];
  readonly ln_f: Gpt["ln_f"];
  readonly head: Gpt["head"];
  constructor() {
    super();
    ({ wte: this.wte, wpe: this.wpe, blocks: this.blocks, ln_f: this.ln_f, head: this.head } = new Gpt());
  }
  override predictStep(tokens: Tensor): StepPrediction {
    const [n = 0, length = 0] = tokens.shape;
    let x: Tensor = tf.add(this.wte.forward(tokens), this.wpe.forward(tf.range(0, length, 1, "int32")));
    for (const block of this.blocks) x = block.forward(x);
    return tf.reshape(tf.slice(this.head.forward(this.ln_f.forward(x)), [0, length - 1, 0], [n, 1, 16]), [n, 16]);
  }
}

/** The rows of a tensor, each batch a tensor. */
class Rows implements Dataset {
  readonly length: number;
  readonly #tensor: HostTensor;
  constructor(tensor: HostTensor) {
    this.#tensor = tensor;
    this.length = tensor.shape[0] ?? 0;
  }
  getBatch(indices: readonly number[] | Int32Array): HostTensor {
    const { dtype, shape, bytes } = this.#tensor;
    const inner = shape.slice(1);
    const size = numelOf(inner) * itemSize(dtype);
    const [first = 0] = indices; // in order
    return {
      dtype,
      shape: [indices.length, ...inner],
      bytes: bytes.slice(first * size, (first + indices.length) * size),
    };
  }
}

/** The beginning of a file of the fixtures, in a shape. */
async function rowsOf(name: string, shape: readonly number[]): Promise<Rows> {
  const { dtype, bytes } = await readNpy(fixtureSource(`trained/data/${name}.npy`), name);
  return new Rows({ dtype, shape, bytes: bytes.slice(0, numelOf(shape) * itemSize(dtype)) });
}

/** Hold a prediction against torch's, place for place. */
function expectClose(found: Batch, wanted: unknown): void {
  if (isHostTensor(found)) {
    const numbers = (wanted as unknown[]).flat(Infinity) as number[];
    const values = hostNumbers(found);
    expect(found.shape).toEqual(shapeOf(wanted));
    expect(values).toHaveLength(numbers.length);
    numbers.forEach((number, i) => {
      expect(Math.abs((values[i] ?? NaN) - number)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(number)));
    });
    return;
  }
  expect(Object.keys(found)).toEqual(Object.keys(wanted as object));
  for (const [key, part] of Object.entries(found)) expectClose(part, (wanted as Record<string, unknown>)[key]);
}

function shapeOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : [];
}

const RUNS = {
  "mlp-adam-none": [() => new LitAutoEncoder(), () => rowsOf("autoencoder_x", [22, 8]), 6],
  "cnn-sgd": [() => new LitCnn(), () => rowsOf("images_x", [10, 1, 8, 8]), 4],
  "gpt-adam": [() => new LitGpt(), () => rowsOf("tokens", [5, 8]), 2],
} as const satisfies Record<string, readonly [() => Predicting, () => Promise<Rows>, number]>;

describe.each(engines)("on %s", (engine) => {
  test.each(Object.keys(RUNS) as (keyof typeof RUNS)[])(
    "the checkpoint of %s predicts what it does in torch, the smaller last batch too",
    async (run) => {
      const [module, rows, batchSize] = RUNS[run];
      const accelerator = target.kind === "cpu" ? "cpu" : "gpu";
      const trainer = new Trainer({ logger: false, enableCheckpointing: false, engine, accelerator });
      const loader = new DataLoader(await rows(), { batchSize });
      const predictions = await trainer.predict(module(), loader, { ckptPath: trained(`${run}/final.ckpt`) });
      const wanted = TORCH[run] ?? [];
      expect(predictions).toHaveLength(wanted.length);
      predictions?.forEach((prediction, i) => {
        if (prediction === null) throw new Error("nothing was predicted");
        expectClose(prediction, wanted[i]);
      });
    },
  );
});
