import { LightningDataModule } from "../core/lightningDataModule.js";
import { DataLoader } from "../data/dataLoader.js";
import { TokenWindows } from "../data/tokenWindows.js";
import { LtrainError } from "../errors.js";
import { fileExists, readText } from "../io/textFile.js";
import { PyDict } from "../pickle/values.js";

/** init_args of TextDataModule, by their names in YAML and in the checkpoint. */
export interface TextDataModuleArgs {
  readonly path: string;
  /** Characters of one example. */
  readonly block_size?: number;
  readonly batch_size?: number;
  /** How many different characters the model knows. */
  readonly vocab_size?: number;
  /** The part at the end of the text that is kept for validation; 0 for none. */
  readonly val_split?: number;
  /** Characters from one training example's beginning to the next one's. */
  readonly stride?: number;
  readonly shuffle?: boolean;
  /** Threads that make batches while a step runs; 0 for none. */
  readonly num_workers?: number;
}

/** A text file as rows of characters: the model is to guess the one that follows each. */
export class TextDataModule extends LightningDataModule {
  readonly #args: Required<TextDataModuleArgs>;
  #vocabulary: readonly string[] | null = null;
  #train: TokenWindows | null = null;
  #val: TokenWindows | null = null;

  constructor(args: TextDataModuleArgs) {
    super();
    const { path, block_size = 64, batch_size = 32, vocab_size = 96, val_split = 0.1 } = args;
    const { stride = 1, shuffle = true, num_workers = 0 } = args;
    this.#args = { path, block_size, batch_size, vocab_size, val_split, stride, shuffle, num_workers };
    this.saveHyperparameters(this.#args);
  }

  /** The different characters, by their numbers; after setup. */
  get vocabulary(): readonly string[] {
    return this.#vocabulary ?? [];
  }

  override async prepareData(): Promise<void> {
    const { path } = this.#args;
    if (await fileExists(path)) return;
    throw new LtrainError("data.missing", `there is no file ${path}`, {
      hint: "data.init_args.path is relative to the config file that names it, or to the folder you are in",
    });
  }

  override async setup(): Promise<void> {
    if (this.#train !== null) return;
    const { path, block_size: blockSize, val_split: valSplit, stride } = this.#args;
    const characters = Array.from(await readText(path));
    this.#vocabulary ??= this.#vocabularyOf(characters);
    const tokens = this.#encode(characters, this.#vocabulary);
    const cut = tokens.length - Math.floor(tokens.length * valSplit);
    this.#train = new TokenWindows(tokens.subarray(0, cut), blockSize, stride);
    this.#val = new TokenWindows(tokens.subarray(cut), blockSize, blockSize);
    if (this.#train.length > 0) return;
    throw new LtrainError(
      "config.invalid",
      `TextDataModule: block_size ${blockSize} needs more than the ${cut} characters that ${path} has for training`,
    );
  }

  override trainDataloader(): DataLoader {
    const { batch_size: batchSize, shuffle, num_workers: numWorkers } = this.#args;
    return new DataLoader(ready(this.#train), { batchSize, shuffle, numWorkers });
  }

  override valDataloader(): DataLoader | null {
    const val = ready(this.#val);
    const { batch_size: batchSize, num_workers: numWorkers } = this.#args;
    return val.length === 0 ? null : new DataLoader(val, { batchSize, numWorkers });
  }

  /** The vocabulary, so that a number means the same character wherever the training goes on. */
  override stateDict(): PyDict | null {
    return this.#vocabulary === null ? null : new PyDict([["vocabulary", this.#vocabulary.join("")]]);
  }
  override loadStateDict(state: PyDict): void {
    const saved = state.get("vocabulary");
    if (typeof saved !== "string") return;
    if (this.#vocabulary !== null && this.#vocabulary.join("") !== saved) {
      throw new LtrainError(
        "checkpoint.mismatch",
        `${this.#args.path} has other characters than the text of the checkpoint: ` +
          `${this.#vocabulary.length} here, ${Array.from(saved).length} there`,
        { hint: "go on with the text that the training began with" },
      );
    }
    this.#vocabulary = Array.from(saved);
  }

  #vocabularyOf(characters: readonly string[]): string[] {
    const { path, vocab_size: vocabSize } = this.#args;
    const different = [...new Set(characters)].sort((a, b) => (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0));
    if (different.length <= vocabSize) return different;
    throw new LtrainError(
      "config.invalid",
      `TextDataModule: ${path} has ${different.length} different characters, and vocab_size is ${vocabSize}`,
      { hint: `set vocab_size to ${different.length} or more, for the model and for the data` },
    );
  }

  #encode(characters: readonly string[], vocabulary: readonly string[]): Int32Array {
    const numbers = new Map(vocabulary.map((character, i) => [character, i]));
    return Int32Array.from(characters, (character, i) => {
      const number = numbers.get(character);
      if (number !== undefined) return number;
      throw new LtrainError(
        "data.malformed",
        `${this.#args.path}: character ${i + 1}, ${JSON.stringify(character)}, is not in the checkpoint's vocabulary`,
      );
    });
  }
}

function ready(windows: TokenWindows | null): TokenWindows {
  if (windows === null) throw new LtrainError("training.failed", "TextDataModule: setup was not called");
  return windows;
}
