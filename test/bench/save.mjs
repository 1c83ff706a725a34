/** npm run bench -- save: how long a save keeps training waiting, and how long it takes to be durable. */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import {
  Callback,
  float32Tensor,
  LightningDataModule,
  LightningModule,
  nn,
  optim,
  tf,
  torchCheckpointIO,
  Trainer,
  TensorDataset,
  DataLoader,
} from "ltrain";

const SAVES = 5;
const STEPS_APART = 10;
/** Widths of a square layer: with Adam's state 25, 100 and 400 MB. */
const WIDTHS = [1440, 2880, 5760];

class Wide extends LightningModule {
  constructor(width) {
    super();
    this.first = new nn.Linear(8, width);
    this.middle = new nn.Linear(width, width);
    this.last = new nn.Linear(width, 8);
  }
  trainingStep([x]) {
    return tf.mean(tf.squaredDifference(this.last.forward(this.middle.forward(this.first.forward(x))), x));
  }
  configureOptimizers() {
    return new optim.Adam(this.parameters());
  }
}

class Rows extends LightningDataModule {
  trainDataloader() {
    const values = Float32Array.from({ length: 64 * 8 }, (_, i) => Math.sin(i));
    return new DataLoader(new TensorDataset(float32Tensor(values, [64, 8])), { batchSize: 8 });
  }
}

/** Saves again when some steps were taken since the last save was durable; measures waits and steps. */
class Saves extends Callback {
  stalls = [];
  steps = { during: [], apart: [] };
  #since = performance.now();
  #apart = 0;
  #path = null;
  constructor(folder, clock) {
    super();
    this.folder = folder;
    this.clock = clock;
  }
  async onTrainBatchEnd(trainer) {
    const start = performance.now();
    (this.clock.writing ? this.steps.during : this.steps.apart).push(start - this.#since);
    this.#apart = this.clock.writing ? 0 : this.#apart + 1;
    if (this.#apart >= STEPS_APART) {
      const path = join(this.folder, `step=${trainer.globalStep}.ckpt`);
      await trainer.saveCheckpoint(path, { background: true, retired: this.#path === null ? [] : [this.#path] });
      this.#path = path;
      this.#apart = 0;
      this.stalls.push(performance.now() - start);
      if (this.stalls.length === SAVES) trainer.shouldStop = true;
    }
    this.#since = performance.now();
  }
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

async function measure(width, folder, asyncCheckpoints) {
  const io = torchCheckpointIO();
  const clock = { writing: false, writes: [] };
  const checkpointIO = {
    ...io,
    prepare: async (...order) => {
      const prepared = await io.prepare(...order);
      return {
        write: async () => {
          clock.writing = true;
          const start = performance.now();
          const saved = await prepared.write();
          clock.writes.push(performance.now() - start);
          clock.writing = false;
          return saved;
        },
      };
    },
  };
  const checkpoint = new Saves(folder, clock);
  const trainer = new Trainer({
    maxEpochs: -1,
    logger: false,
    engine: "onnxruntime",
    accelerator: "cpu",
    asyncCheckpoints,
    checkpointIO,
    enableCheckpointing: false,
    callbacks: [checkpoint],
  });
  await trainer.fit(new Wide(width), new Rows());
  const [name] = readdirSync(folder).filter((each) => each.endsWith(".ckpt"));
  return {
    bytes: statSync(join(folder, name)).size,
    stall: median(checkpoint.stalls),
    longest: Math.max(...checkpoint.stalls),
    write: median(clock.writes),
    during: median(checkpoint.steps.during),
    apart: median(checkpoint.steps.apart.slice(10)),
  };
}

export async function main(args) {
  const root = args[0] ?? ".";
  console.log(
    `# node ${process.version}, ${cpus().length} cores (${cpus()[0]?.model}), load ${loadavg()[0].toFixed(1)}`,
  );
  console.log(
    "| file | mode | stall, median (longest) | write until durable | stall / write | step apart | step during a write |",
  );
  console.log("|---|---|---|---|---|---|---|");
  for (const width of WIDTHS) {
    for (const isAsync of [true, false]) {
      const folder = mkdtempSync(join(root, "ltrain-bench-save-"));
      try {
        const { bytes, stall, longest, write, during, apart } = await measure(width, folder, isAsync);
        const ms = (value) => (Number.isNaN(value) ? "-" : `${value.toFixed(1)} ms`);
        const mode = isAsync ? "async" : "waiting";
        console.log(
          `| ${(bytes / 1e6).toFixed(0)} MB | ${mode} | ${ms(stall)} (${ms(longest)}) | ${ms(write)} | ${((100 * stall) / write).toFixed(1)} % | ${ms(apart)} | ${ms(during)} |`,
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }
  }
}
