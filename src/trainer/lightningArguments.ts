import { LtrainError } from "../errors.js";

/** An argument of Lightning's Trainer that asks for what is not here. */
export interface LightningArgument {
  /** Values that change nothing here, Lightning's default among them: a config that LightningCLI saved is read as it is. */
  readonly accepts: readonly unknown[];
  /** Why there is nothing else, and what to do instead. */
  readonly answer: string;
}

const ANY_BOOLEAN = [true, false, null];
const ONE_DEVICE = "ltrain trains on one device";

/** Lightning's arguments, by their names there, that have one meaning here, or none. */
export const LIGHTNING_ARGUMENTS: Readonly<Record<string, LightningArgument>> = {
  benchmark: { accepts: ANY_BOOLEAN, answer: "it is a hint to cuDNN, which has no part in this; leave it out" },
  devices: {
    accepts: ["auto", 1, "1", -1, "-1", null],
    answer: `${ONE_DEVICE}; write devices: 1, and which GPU it is in CUDA_VISIBLE_DEVICES`,
  },
  inference_mode: {
    accepts: ANY_BOOLEAN,
    answer: "validate, test and predict never keep what gradients need; leave it out",
  },
  model_registry: {
    accepts: [null],
    answer: "there is no model registry; upload the checkpoint, and name its path or URL in ckpt_path",
  },
  num_nodes: { accepts: [1], answer: `${ONE_DEVICE}; write num_nodes: 1, and a larger accumulate_grad_batches` },
  plugins: {
    accepts: [null],
    answer: "precision and checkpointIO (in TypeScript) take the place of the plugins that have one; leave it out",
  },
  profiler: {
    accepts: [null],
    answer: "leave it out: what a step's time goes into is in every run's last line, and in --json",
  },
  strategy: {
    accepts: ["auto", null],
    answer: `${ONE_DEVICE}, and there is nothing to distribute; write strategy: auto`,
  },
  sync_batchnorm: {
    accepts: [false],
    answer: `${ONE_DEVICE}, where every BatchNorm sees the whole batch; leave it out`,
  },
  use_distributed_sampler: {
    accepts: ANY_BOOLEAN,
    answer: `${ONE_DEVICE}, which gets every example; leave it out`,
  },
};

/** In code that no compiler looked at: options that are Lightning's alone are answered here too. */
export function refuseLightningArguments(options: object): void {
  for (const [key, value] of Object.entries(options)) {
    const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const known = Object.hasOwn(LIGHTNING_ARGUMENTS, name) ? LIGHTNING_ARGUMENTS[name] : undefined;
    if (known === undefined || value === undefined || known.accepts.includes(value)) continue;
    throw new LtrainError("config.invalid", `trainer.${name} is ${JSON.stringify(value)}: ${known.answer}`);
  }
}
