import { join } from "node:path";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { PyDict } from "../../src/pickle/values.js";
import { editedByTorch, lightningFits, peerTest } from "./peer.js";
import { AUTOENCODER, configOf, savesTo, type RunCase } from "./runCases.js";
import { inTemporaryFolder, lossesOf, ltrainProcess, writeText, type Ran } from "./runs.js";

// docs/differences.md, point by point: first what Lightning does, then what ltrain does, then that its files go back.

const runLtrain = ltrainProcess();
const CASE: RunCase = {
  model: AUTOENCODER,
  optimizer: ["Adam", { lr: 0.01 }],
  scheduler: ["StepLR", { step_size: 1, gamma: 0.9 }],
};
const PER_EPOCH = 5;
const EPOCHS = 3;

interface Options {
  readonly shuffle?: boolean;
  readonly given?: RunCase;
  readonly maxEpochs?: number;
  /** Arguments of the ModelCheckpoint that watches val_loss. */
  readonly best?: Readonly<Record<string, number | string>>;
}

/** 20 images in 5 batches, 3 epochs; every epoch and every third step are kept, and the best two. */
function config(
  folder: string,
  { shuffle = false, given = CASE, maxEpochs = EPOCHS, best = {} }: Options = {},
): object {
  const callbacks = [
    savesTo(`${folder}/best`, { monitor: "val_loss", save_top_k: 2, ...best }),
    savesTo(`${folder}/epochs`, { every_n_epochs: 1, save_top_k: -1 }),
    savesTo(`${folder}/steps`, { every_n_train_steps: 3, save_top_k: -1 }),
  ];
  return configOf(given, folder, { size: 4 * PER_EPOCH, shuffle, trainer: { max_epochs: maxEpochs, callbacks } });
}

async function ltrain(given: object, folder: string, ckptPath?: string): Promise<Ran> {
  const file = writeText(folder, "config.json", JSON.stringify(given));
  const command = ckptPath === undefined ? ["train"] : ["resume", ckptPath];
  return runLtrain(...command, "--config", file, "--json");
}

/** Within 1e-5 of the other, relative. */
function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, loss] of expected.entries()) expect(Math.abs((actual[i] ?? NaN) - loss)).toBeLessThan(1e-5 * loss);
}

const AFTER_ONE = "epochs/epoch=0-step=5.ckpt";
const AFTER_TWO = "epochs/epoch=1-step=10.ckpt";
const AFTER_THREE_STEPS = "steps/epoch=0-step=3.ckpt";

peerTest(
  "no random state: Lightning shuffles again as at the start, ltrain goes on with the unbroken run's data",
  async () => {
    await inTemporaryFolder(async (folder) => {
      const [theirs, ours] = [join(folder, "lightning"), join(folder, "ltrain")];
      const shuffled = (out: string): object => config(out, { shuffle: true });
      const whole = await lightningFits(shuffled(theirs), theirs);
      const again = await lightningFits(shuffled(theirs), theirs, { ckptPath: join(theirs, AFTER_ONE) });
      expect(again.batches.slice(0, PER_EPOCH)).toEqual(whole.batches.slice(0, PER_EPOCH));
      expect(again.batches).not.toEqual(whole.batches.slice(PER_EPOCH));

      const unbroken = lossesOf(await ltrain(shuffled(ours), ours));
      const resumed = await ltrain(shuffled(ours), ours, join(ours, AFTER_ONE));
      expect(lossesOf(resumed)).toEqual(unbroken.slice(PER_EPOCH));
      const fromTheirs = await ltrain(shuffled(ours), ours, join(theirs, AFTER_ONE));
      expect(fromTheirs.stderr).toContain("the checkpoint has no random state");

      const back = await lightningFits(shuffled(ours), ours, { ckptPath: join(ours, AFTER_ONE) });
      expectClose(back.losses, unbroken.slice(PER_EPOCH));
    });
  },
);

peerTest(
  "in mid-epoch Lightning trains two batches again and leaves two out, ltrain trains those that are left",
  async () => {
    await inTemporaryFolder(async (folder) => {
      const [theirs, ours] = [join(folder, "lightning"), join(folder, "ltrain")];
      const whole = await lightningFits(config(theirs), theirs);
      const half = join(theirs, AFTER_THREE_STEPS);
      const again = await lightningFits(config(theirs), theirs, { ckptPath: half, plain: true });
      expect(again.batches.slice(0, 2)).toEqual(whole.batches.slice(0, 2)); // and never those of 3 and 4
      expect(again.batches.slice(2)).toEqual(whole.batches.slice(PER_EPOCH));

      const stateful = 'checkpoint["loops"]["fit_loop"]["state_dict"]["combined_loader"] = [{"yielded": 3}]';
      const edited = await editedByTorch(half, join(folder, "stateful.ckpt"), stateful);
      for (const from of [half, edited]) {
        const resumed = await ltrain(config(ours), ours, from);
        expectClose(lossesOf(resumed), whole.losses.slice(3));
        expect(resumed.stderr.includes("the state of a stateful DataLoader")).toBe(from === edited);
      }
      const shuffled = config(ours, { shuffle: true });
      const unbroken = lossesOf(await ltrain(shuffled, ours));
      const ownHalf = join(ours, AFTER_THREE_STEPS);
      expect(lossesOf(await ltrain(shuffled, ours, ownHalf))).toEqual(unbroken.slice(3));

      const back = await lightningFits(shuffled, ours, { ckptPath: ownHalf });
      expectClose(back.losses, unbroken.slice(3));
    });
  },
);

peerTest(
  "the step of a plateau schedule that was due when the file was written is lost in Lightning, and taken in ltrain",
  async () => {
    await inTemporaryFolder(async (folder) => {
      const plateau = { monitor: "val_loss", factor: 0.5, patience: 0, threshold: 0.5 };
      const given: RunCase = { ...CASE, scheduler: ["ReduceLROnPlateau", plateau] };
      const [theirs, ours] = [join(folder, "lightning"), join(folder, "ltrain")];
      const whole = await lightningFits(config(theirs, { given }), theirs);
      const again = await lightningFits(config(theirs, { given }), theirs, { ckptPath: join(theirs, AFTER_TWO) });
      expect(whole.learning_rates.slice(2 * PER_EPOCH)).toEqual(Array(PER_EPOCH).fill(0.005));
      expect(again.learning_rates).toEqual(Array(PER_EPOCH).fill(0.01));

      const resumed = await ltrain(config(ours, { given }), ours, join(theirs, AFTER_TWO));
      expectClose(lossesOf(resumed), whole.losses.slice(2 * PER_EPOCH));

      const last = join(ours, "epochs/epoch=2-step=15.ckpt");
      const back = await lightningFits(config(ours, { given, maxEpochs: 4 }), ours, { ckptPath: last });
      expect(back.losses).toHaveLength(PER_EPOCH);
    });
  },
);

/** What is taken out of a file, how many of the ten steps that are left Lightning then takes, and what ltrain says. */
const MISSING: readonly [part: string, code: string, steps: number, refusal: string][] = [
  ["loops", 'del checkpoint["loops"]', 15, "cannot be resumed from: it has no loops"],
  [
    "the epochs' counters",
    'del checkpoint["loops"]["fit_loop"]["epoch_progress"]',
    15,
    "loops.fit_loop has no epoch_progress",
  ],
  [
    "the optimizer's state",
    'checkpoint["optimizer_states"] = []',
    10,
    "the checkpoint has the state of no optimizers, this run has 1 optimizer",
  ],
  [
    "the schedule's state",
    'checkpoint["lr_schedulers"] = []',
    10,
    "the checkpoint has the state of no lr schedulers, this run has 1 lr scheduler",
  ],
  [
    "the state of a schedule of this kind",
    'checkpoint["lr_schedulers"] = [{"T_max": 3, "eta_min": 0.0, "last_epoch": 1, "_last_lr": [0.1]}]',
    10,
    "lr scheduler 0: the checkpoint has T_max, eta_min, last_epoch, _last_lr, StepLR needs step_size, gamma",
  ],
];

describe.each(MISSING)("without %s", (_, code, steps, refusal) => {
  peerTest("Lightning goes on in silence, ltrain refuses and says what is missing", async () => {
    await inTemporaryFolder(async (folder) => {
      await lightningFits(config(folder), folder);
      const edited = await editedByTorch(join(folder, AFTER_ONE), join(folder, "edited.ckpt"), code);
      const again = await lightningFits(config(folder), folder, { ckptPath: edited, plain: true });
      expect(again.losses).toHaveLength(steps);

      const resumed = await ltrain(config(folder), folder, edited);
      expect([resumed.code, resumed.stdout]).toEqual([5, ""]);
      expect(resumed.stderr).toContain(refusal);
    });
  });
});

peerTest(
  "without callbacks' states or an optimizer's moments Lightning begins them anew in silence, ltrain says so",
  async () => {
    await inTemporaryFolder(async (folder) => {
      await lightningFits(config(folder), folder);
      const code = 'del checkpoint["callbacks"]; checkpoint["optimizer_states"][0]["state"] = {}';
      const edited = await editedByTorch(join(folder, AFTER_ONE), join(folder, "edited.ckpt"), code);
      expect((await lightningFits(config(folder), folder, { ckptPath: edited })).losses).toHaveLength(10);

      const { code: exit, stderr } = await ltrain(config(folder), folder, edited);
      expect(exit).toBe(0);
      expect(stderr).toMatch(
        /the checkpoint has no state of (ModelCheckpoint\{.*\}, ){2}ModelCheckpoint\{.*\}: they begin anew/,
      );
      expect(stderr).toContain("after 5 steps and has no state of Adam for any parameter: it begins anew");
    });
  },
);

peerTest(
  "a state_dict alone, or a file without its version, is a bare KeyError in Lightning; ltrain says what it is, or takes it",
  async () => {
    await inTemporaryFolder(async (folder) => {
      const whole = await lightningFits(config(folder), folder);
      const alone = 'weights = dict(checkpoint["state_dict"]); checkpoint.clear(); checkpoint.update(weights)';
      const plain = await editedByTorch(join(folder, AFTER_ONE), join(folder, "plain.pt"), alone);
      const unsaid = 'del checkpoint["pytorch-lightning_version"]';
      const versionless = await editedByTorch(join(folder, AFTER_ONE), join(folder, "versionless.ckpt"), unsaid);
      for (const ckptPath of [plain, versionless]) {
        const fit = lightningFits(config(folder), folder, { ckptPath });
        await expect(fit).rejects.toThrow("KeyError: 'pytorch-lightning_version'");
      }

      const refused = await ltrain(config(folder), folder, plain);
      expect([refused.code, refused.stdout]).toEqual([5, ""]);
      expect(refused.stderr).toContain("it has no loops, no optimizer_states, no lr_schedulers");
      expect(refused.stderr).toContain(`a new run begins from its weights with model.init_from: ${plain}`);
      expectClose(lossesOf(await ltrain(config(folder), folder, versionless)), whole.losses.slice(PER_EPOCH));
    });
  },
);

/** How many files the ModelCheckpoint with these `every_n_epochs` knows as the best. */
async function bestOf(path: string, everyNEpochs: number): Promise<number> {
  const { checkpoint, close } = await loadCheckpoint(path);
  await close();
  const arguments_ = `'monitor': 'val_loss', 'mode': 'min', 'every_n_train_steps': 0, 'every_n_epochs': ${everyNEpochs}`;
  const state = checkpoint.callbacks?.get(`ModelCheckpoint{${arguments_}, 'train_time_interval': None}`);
  const best = state instanceof PyDict ? state.get("best_k_models") : null;
  return best instanceof PyDict ? best.size : 0;
}

peerTest(
  "a changed argument or folder of ModelCheckpoint costs its state in Lightning; in ltrain it goes on",
  async () => {
    await inTemporaryFolder(async (folder) => {
      const [theirs, ours] = [join(folder, "lightning"), join(folder, "ltrain")];
      const changed = { best: { every_n_epochs: 3 } }; // its file is that of epoch 2
      const last = "epochs/epoch=2-step=15.ckpt";
      await lightningFits(config(theirs), theirs);
      expect(await bestOf(join(theirs, AFTER_TWO), 1)).toBe(2);
      await lightningFits(config(`${theirs}2`, changed), theirs, { ckptPath: join(theirs, AFTER_TWO) });
      expect(await bestOf(join(`${theirs}2`, last), 3)).toBe(1);

      await ltrain(config(ours), ours);
      const resumed = await ltrain(config(ours, changed), ours, join(ours, AFTER_TWO));
      expect(resumed.stderr).toMatch(
        /the state of ModelCheckpoint\{.*'every_n_epochs': 1,.*\} in the checkpoint goes on as that of ModelCheckpoint\{.*'every_n_epochs': 3,/,
      );
      const written = join(ours, "epochs/epoch=2-step=15-v1.ckpt");
      expect(await bestOf(written, 3)).toBe(2);

      const back = await lightningFits(config(ours, { ...changed, maxEpochs: 4 }), ours, { ckptPath: written });
      expect(back.losses).toHaveLength(PER_EPOCH);

      await lightningFits(config(`${theirs}3`), theirs, { ckptPath: join(theirs, AFTER_TWO) });
      expect(await bestOf(join(`${theirs}3`, last), 1)).toBe(1);
      await ltrain(config(`${ours}3`), ours, join(ours, AFTER_TWO));
      expect(await bestOf(join(`${ours}3`, last), 1)).toBe(2);
    });
  },
);

peerTest(
  "an optimizer's tensor of another shape fails in Lightning's first step, in ltrain before anything is changed",
  async () => {
    await inTemporaryFolder(async (folder) => {
      await lightningFits(config(folder), folder);
      const code = 'checkpoint["optimizer_states"][0]["state"][0]["exp_avg"] = torch.zeros(3)';
      const edited = await editedByTorch(join(folder, AFTER_ONE), join(folder, "edited.ckpt"), code);
      const fit = lightningFits(config(folder), folder, { ckptPath: edited });
      await expect(fit).rejects.toThrow(/optimizer_step[^]*RuntimeError: The size of tensor/);

      const resumed = await ltrain(config(folder), folder, edited);
      expect([resumed.code, resumed.stdout]).toEqual([5, ""]);
      expect(resumed.stderr).toContain("parameter 0: exp_avg is [3] in the checkpoint, the parameter is [8, 784]");
    });
  },
);
