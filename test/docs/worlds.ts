import { cp, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { spawnLtrain } from "../cli/spawnLtrain.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FIXTURES = join(ROOT, "test", "fixtures");

/** What a page's commands need and what is known of their outcome. */
export interface World {
  /** Which trained run is the page's lightning_logs/version_0; `copies` of it are there. */
  readonly run?: { readonly of: "autoencoder" | "classifier"; readonly copies?: number };
  /** Fixtures by the names that the page gives them. */
  readonly files?: Readonly<Record<string, string>>;
  readonly texts?: Readonly<Record<string, string>>;
  /** What else has to be made. */
  readonly prepare?: (folder: string) => Promise<void>;
  /** Exit codes other than 0, by command. */
  readonly codes?: Readonly<Record<string, number>>;
  /** The outputs hold times, dates and sizes: numbers stand for one another. */
  readonly numbersVary?: boolean;
  /** Shown lines that only a longer run than the suite's has. */
  readonly unstable?: RegExp;
  /** What is done to the folder before a command is typed. */
  readonly before?: Readonly<Record<string, (folder: string) => Promise<void>>>;
  /** Fixtures that a server on this machine has, in place of the one at the page's port 8765. */
  readonly serves?: readonly string[];
}

/** So many steps and batches are enough to know that a command does what it says; resume goes on by an epoch of two. */
const LIMITS: Readonly<Record<string, readonly string[]>> = {
  train: ["--trainer.max_steps", "2", "--trainer.limit_val_batches", "1"],
  resume: ["--trainer.max_epochs", '"$epochs"'],
  validate: ["--trainer.limit_val_batches", "2"],
  test: ["--trainer.limit_test_batches", "2"],
  predict: ["--trainer.limit_predict_batches", "2"],
};
/** Of the runs that pages begin from. */
const EPOCHS = 2;
export const SHORT = { max_epochs: EPOCHS, limit_train_batches: 2, limit_val_batches: 2, log_every_n_steps: 1 };

/** The trained runs that pages begin from, made once; and a bin folder with ltrain and npx in it. */
export class Worlds {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async create(parent: string): Promise<Worlds> {
    const worlds = new Worlds(await mkdtemp(join(parent, "ltrain-docs-")));
    await worlds.#writePrograms();
    for (const name of ["autoencoder", "classifier"]) await worlds.#train(name);
    return worlds;
  }

  async dispose(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** In front of PATH. */
  get bin(): string {
    return join(this.#folder, "bin");
  }

  /** A folder in which a page's commands can be typed one after the other. */
  async folderOf(world: World): Promise<string> {
    const folder = await mkdtemp(join(this.#folder, "page-"));
    for (const name of ["configs", "examples", "LICENSE"]) await cp(join(ROOT, name), join(folder, name), { recursive: true }); // prettier-ignore
    if (world.run !== undefined) {
      const { of, copies = 1 } = world.run;
      for (let i = 0; i < copies; i += 1) {
        const from = join(this.#folder, of, "lightning_logs", "version_0");
        await cp(from, join(folder, "lightning_logs", `version_${i}`), { recursive: true });
      }
    }
    for (const [name, fixture] of Object.entries(world.files ?? {})) {
      await mkdir(join(folder, name, ".."), { recursive: true });
      await cp(join(FIXTURES, fixture), join(folder, name), { recursive: true });
    }
    for (const [name, text] of Object.entries(world.texts ?? {})) await writeFile(join(folder, name), text);
    await world.prepare?.(folder);
    return folder;
  }

  /** `npx WORD...` and `ltrain`: what runs is the built command line, with limits behind what the page says. */
  async #writePrograms(): Promise<void> {
    await mkdir(this.bin);
    const cases = Object.entries(LIMITS).map(([verb, words]) => `  ${verb}) set -- "$@" ${words.join(" ")} ;;`);
    const ltrain = `#!/bin/sh
case " $* " in *" --plan "* | *" --dry-run "* | *" --help "*) exec "$NODE" "$LTRAIN" "$@" ;; esac
epochs=$(($(cat .epochs 2>/dev/null || echo ${EPOCHS}) + 1))
case "$1" in resume) echo "$epochs" > .epochs ;; esac
case "$1" in
${cases.join("\n")}
esac
exec "$NODE" "$LTRAIN" "$@"
`;
    await writeFile(join(this.bin, "ltrain"), ltrain, { mode: 0o755 });
    await writeFile(join(this.bin, "npx"), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
    // Slurm's two: the step runs here, and a requeue is only told.
    await writeFile(join(this.bin, "srun"), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
    await writeFile(join(this.bin, "scontrol"), '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
  }

  async #train(name: string): Promise<void> {
    const folder = join(this.#folder, name);
    await mkdir(folder);
    const config = join(ROOT, "configs", `mnist-${name}.yaml`);
    const { code, stderr } = await spawnLtrain(folder, ["train", "--config", config, ...trainerOptions(SHORT)]);
    if (code !== 0) throw new Error(`the ${name} could not be trained: ${stderr}`);
  }
}

/** The file without its end. */
export async function cutOff(path: string, byteLength: number): Promise<void> {
  const file = await open(path, "r+");
  await file.truncate(byteLength);
  await file.close();
}

/** The file with one byte turned round. */
export async function flipByte(path: string, offset: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[offset] = (bytes[offset] ?? 0) ^ 0xff;
  await writeFile(path, bytes);
}

/** Trainer options as words of a command line. */
export function trainerOptions(options: Readonly<Record<string, number>>): string[] {
  return Object.entries(options).flatMap(([key, value]) => [`--trainer.${key}`, String(value)]);
}
