import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { Callback } from "../../src/core/callback.js";
import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import type { StepResult } from "../../src/core/trainerState.js";
import { ReLU } from "../../src/nn/activation.js";
import { Sequential } from "../../src/nn/container.js";
import { Linear } from "../../src/nn/linear.js";
import { Adam, ExponentialLR, RAdam, RMSprop, SGD, StepLR } from "../../src/optim/index.js";
import { toPlain } from "../../src/pickle/convert.js";
import { PyDict, type PyValue } from "../../src/pickle/values.js";
import { detach } from "../../src/tensor/gradients.js";
import { tf, type Tensor } from "../../src/tensor/tf.js";
import type { TrainerOptions } from "../../src/trainer/options.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { enginesHere } from "../engine/engines.js";
import { expectSameTree } from "./sameTree.js";
import {
  fixtureRows,
  inTemporaryFolder,
  loadWeights,
  QUIET,
  Rows,
  SaveAtBatches,
  SaveAtEpochEnds,
  weightsOf,
} from "./tinyRun.js";

type Variant = "gan" | "untoggled" | "gathering" | "twice";
const VARIANTS: readonly Variant[] = ["gan", "untoggled", "gathering", "twice"];

const fixture = (file: string): string => fileURLToPath(new URL(`../fixtures/manual/${file}`, import.meta.url));
const truthOf = (variant: Variant): { losses: number[][]; global_step: number } =>
  JSON.parse(readFileSync(fixture(`${variant}.json`), "utf8")) as ReturnType<typeof truthOf>;

const distance = (tensor: Tensor, to: number): Tensor => tf.mean(tf.square(tf.sub(tensor, to)));

/** fixtures/manual/make.py's module. */
class Net extends LightningModule<readonly [Tensor]> {
  override automaticOptimization = false;
  readonly generator = new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 8));
  readonly discriminator = new Sequential(new Linear(8, 6), new ReLU(), new Linear(6, 1));
  readonly variant: Variant;
  /** Whether this batch is one after which the optimizer steps. */
  isDue = false;

  constructor(variant: Variant) {
    super();
    this.variant = variant;
  }

  #made(x: Tensor): Tensor {
    return this.generator.forward(tf.slice(x, [0, 0], [-1, 4]));
  }
  #fooled(x: Tensor): Tensor {
    return distance(this.discriminator.forward(this.#made(x)), 1);
  }
  #told(x: Tensor): Tensor {
    const fake = this.variant === "gan" ? detach(this.#made(x)) : this.#made(x);
    return tf.add(distance(this.discriminator.forward(x), 1), distance(this.discriminator.forward(fake), 0));
  }
  #rebuilt(x: Tensor): Tensor {
    return tf.mean(tf.squaredDifference(this.#made(x), x));
  }

  override onTrainBatchStart(batchIdx: number): void {
    this.isDue = batchIdx % 2 === 1;
  }

  trainingStep([x]: readonly [Tensor]): void {
    const losses = { gan: this.#gan, untoggled: this.#untoggled, gathering: this.#gathering, twice: this.#twice };
    losses[this.variant].call(this, x).forEach((loss, i) => {
      this.log(`loss${i}`, loss);
    });
  }

  #gan(x: Tensor): Tensor[] {
    const [generator, discriminator] = this.optimizers();
    const losses: Tensor[] = [];
    this.toggledOptimizer(generator, () => {
      generator.zeroGrad();
      losses.push(this.#fooled(x));
      this.manualBackward(losses[0] ?? x);
      generator.step();
    });
    this.toggleOptimizer(discriminator);
    discriminator.zeroGrad();
    losses.push(this.#told(x));
    this.manualBackward(losses[1] ?? x);
    discriminator.step();
    this.untoggleOptimizer(discriminator);
    this.lrSchedulers()[1].step();
    return losses;
  }

  #untoggled(x: Tensor): Tensor[] {
    const [generator, discriminator] = this.optimizers();
    discriminator.zeroGrad();
    const second = this.#told(x);
    this.manualBackward(second);
    discriminator.step();
    generator.zeroGrad();
    const first = this.#fooled(x);
    this.manualBackward(first);
    generator.step();
    this.lrSchedulers()[1].step();
    return [first, second];
  }

  #gathering(x: Tensor): Tensor[] {
    const [optimizer] = this.optimizers();
    const loss = this.#rebuilt(x);
    this.manualBackward(tf.div(loss, 2));
    if (this.isDue) {
      this.clipGradients(optimizer, { gradientClipVal: 0.1, gradientClipAlgorithm: "norm" });
      optimizer.step();
      optimizer.zeroGrad();
    }
    return [loss];
  }

  #twice(x: Tensor): Tensor[] {
    const [optimizer] = this.optimizers();
    const first = this.#rebuilt(x);
    optimizer.step(() => {
      optimizer.zeroGrad();
      this.manualBackward(first);
    });
    optimizer.zeroGrad();
    const second = this.#rebuilt(x);
    this.manualBackward(second);
    optimizer.step();
    return [first, second];
  }

  override onTrainEpochEnd(): void {
    if (this.variant === "gan" || this.variant === "untoggled") this.lrSchedulers()[0].step();
  }

  configureOptimizers(): OptimizerSetup {
    const own = this.generator.parameters();
    if (this.variant === "gathering") return new SGD(own, { lr: 0.5, momentum: 0.9 });
    if (this.variant === "twice") return new RAdam(own, { lr: 0.02 });
    const generator = new Adam(own, { lr: 0.02, betas: [0.5, 0.999] });
    const discriminator = new RMSprop(this.discriminator.parameters(), { lr: 0.01 });
    const schedulers = [
      new StepLR(generator, { stepSize: 1, gamma: 0.5 }),
      new ExponentialLR(discriminator, { gamma: 0.95 }),
    ];
    return [[generator, discriminator], schedulers];
  }
}

/** What was logged in every batch. */
class Logged extends Callback {
  readonly losses: number[][] = [];
  override wantsOutputs(): boolean {
    return true;
  }
  override onTrainBatchEnd(_trainer: unknown, _module: unknown, outputs: StepResult): void {
    this.losses.push([outputs["loss0"], outputs["loss1"]].filter((loss) => loss !== undefined));
  }
}

async function fit(
  module: Net,
  callbacks: Callback[],
  options: TrainerOptions = {},
  ckptPath: string | null = null,
): Promise<{ trainer: Trainer; losses: number[][] }> {
  const logged = new Logged();
  const enableCheckpointing = callbacks.length > 0 ? null : false;
  const own = { ...QUIET, enableCheckpointing, maxEpochs: 4, callbacks: [logged, ...callbacks] };
  const trainer = new Trainer({ ...own, ...options });
  await trainer.fit(module, new Rows(fixtureRows(20), { batchSize: 4 }), { ckptPath });
  return { trainer, losses: logged.losses };
}

function expectLosses(actual: readonly number[][], expected: readonly number[][]): void {
  expect(actual.map((row) => row.length)).toEqual(expected.map((row) => row.length));
  const off = expected.flatMap((row, step) =>
    row.map((loss, i) => ({ step, i, relative: Math.abs((actual[step]?.[i] ?? NaN) - loss) / loss })),
  );
  expect(off.filter(({ step, relative }) => !(relative <= (step === 0 ? 1e-6 : 1e-5)))).toEqual([]);
}

/** Counters are equal, states of optimizers and schedulers as equal as two float32 computations are. */
async function expectSameFiles(ours: string, theirs: string): Promise<void> {
  const [a, b] = [await loadCheckpoint(ours), await loadCheckpoint(theirs)];
  const numbersOf = ({ checkpoint: { epoch, globalStep, loops } }: typeof a): unknown => [
    epoch,
    globalStep,
    toPlain(loops),
  ];
  expect(numbersOf(a)).toEqual(numbersOf(b));
  const statesOf = ({ checkpoint: { optimizerStates, lrSchedulers } }: typeof a): PyValue => [
    [...(optimizerStates ?? [])],
    [...(lrSchedulers ?? [])],
  ];
  await expectSameTree(statesOf(a), statesOf(b));
  await Promise.all([a.close(), b.close()]);
}

const engines = await enginesHere();

describe.each(VARIANTS)("%s", (variant) => {
  const truth = truthOf(variant);

  test.each(engines)(
    "has Lightning's losses in every batch, on %s",
    async (engine) => {
      const module = new Net(variant);
      await loadWeights(module, fixture(`${variant}-init.ckpt`));
      const { trainer, losses } = await fit(module, [], { engine });
      expectLosses(losses, truth.losses);
      expect(trainer.globalStep).toBe(truth.global_step);
    },
    240_000,
  ); // TensorFlow alone takes its time to load

  test("its files have Lightning's counters, states of all optimizers and of all schedulers", async () => {
    await inTemporaryFolder(async (folder) => {
      const module = new Net(variant);
      await loadWeights(module, fixture(`${variant}-init.ckpt`));
      const saves = [new SaveAtBatches(folder, [8]), new SaveAtEpochEnds(folder)];
      const { trainer } = await fit(module, saves);
      await trainer.saveCheckpoint(join(folder, "final.ckpt"));
      await expectSameFiles(join(folder, "batch8.ckpt"), fixture(`${variant}-batch8.ckpt`));
      await expectSameFiles(join(folder, "final.ckpt"), fixture(`${variant}-final.ckpt`));
    });
  });

  test("resumed in mid-epoch, it goes on as if nothing had been, bit for bit", async () => {
    await inTemporaryFolder(async (folder) => {
      const module = new Net(variant);
      await loadWeights(module, fixture(`${variant}-init.ckpt`));
      const whole = await fit(module, [new SaveAtBatches(folder, [3, 8])]);
      for (const batch of [3, 8]) {
        const again = new Net(variant);
        const rest = await fit(again, [], {}, join(folder, `batch${batch}.ckpt`));
        expect([batch, rest.losses]).toEqual([batch, whole.losses.slice(batch)]);
        expect(await weightsOf(again)).toEqual(await weightsOf(module));
      }
    });
  });
});

test.each(["gan", "untoggled", "twice"] as const)("%s goes on from Lightning's file in mid-epoch", async (variant) => {
  const { losses } = await fit(new Net(variant), [], {}, fixture(`${variant}-batch8.ckpt`));
  expectLosses(losses, truthOf(variant).losses.slice(8));
});

test("gradients that were used and not cleared are left out of the file; those still to be used are in it", async () => {
  await inTemporaryFolder(async (folder) => {
    const gathered = async (variant: Variant): Promise<number | undefined> => {
      const module = new Net(variant);
      await fit(module, [new SaveAtBatches(folder, [3])], { maxEpochs: 1 });
      const { checkpoint, close } = await loadCheckpoint(join(folder, "batch3.ckpt"));
      const entry = checkpoint.ltrain?.get("accumulated");
      const gradients = entry instanceof PyDict ? entry.get("gradients") : undefined;
      await close();
      return gradients instanceof PyDict ? gradients.size : undefined;
    };
    expect(await gathered("gan")).toBeUndefined();
    expect(await gathered("gathering")).toBe(4); // batch 2's, for batch 3
  });
});

describe("what does not go with optimization by hand is refused:", () => {
  const failure = async (module: LightningModule, options: TrainerOptions = {}): Promise<string> => {
    const trainer = new Trainer({ ...QUIET, maxEpochs: 1, ...options });
    const error: unknown = await trainer
      .fit(module, new Rows(fixtureRows(4), { batchSize: 4 }))
      .catch((e: unknown) => e);
    return error instanceof Error ? error.message : "nothing";
  };
  test.each<[TrainerOptions, string]>([
    [{ gradientClipVal: 1 }, "trainer.gradient_clip_val is for automatic optimization"],
    [{ accumulateGradBatches: 2 }, "trainer.accumulate_grad_batches is for automatic optimization"],
    [{ precision: "16-mixed" }, "precision 16-mixed is for automatic optimization"],
  ])("%o", async (options, message) => {
    expect(await failure(new Net("gan") as LightningModule, options)).toContain(message);
  });

  test("several optimizers with automatic optimization", async () => {
    const module = new Net("gan");
    module.automaticOptimization = true;
    expect(await failure(module as LightningModule)).toContain(
      "gave 2 optimizers, and automatic optimization steps one",
    );
  });

  test("stepping outside a training step", () => {
    const module = new Net("gan");
    expect(() => {
      module.manualBackward(tf.scalar(1));
    }).toThrow("manualBackward is for trainingStep");
  });
});
