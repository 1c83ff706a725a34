import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { Run } from "../config/instantiate.js";
import type { DataLoader } from "../data/dataLoader.js";
import { datasetFingerprint } from "../data/datasetFingerprint.js";
import { ConsumedSamples } from "../data/consumedSamples.js";
import { LtrainError } from "../errors.js";
import { PyDict } from "../pickle/values.js";
import { limitedBatches } from "../trainer/batchLimit.js";

/** The batch that would come next. */
export interface PlannedData {
  /** Its index within the epoch. */
  readonly batch: number;
  /** Batches of an epoch; null where the data could not be looked at. */
  readonly batches: number | null;
  /** Indices of its examples; null where they are drawn only when the epoch begins, or the data could not be looked at. */
  readonly examples: readonly number[] | null;
  /** Why it could not be. */
  readonly unknown: string | null;
}

/** What is known of the training data, and what of it stands in the way of a resume. */
export interface DataPlan {
  readonly next: PlannedData;
  readonly problems: readonly string[];
}

/** Look at the training data without preparing it: what is not there is not fetched. */
export async function planData(
  { datamodule, trainer }: Pick<Run, "datamodule" | "trainer">,
  checkpoint: Checkpoint,
  isInside: boolean,
): Promise<DataPlan> {
  const data = checkpoint.ltrain?.get("data");
  const entry = data instanceof PyDict ? data : new PyDict();
  const cursor = dictAt(entry, "train");
  const trained = isInside ? (cursor?.get("batches") ?? 0) : 0;
  const batch = typeof trained === "number" ? trained : 0;
  let loader: DataLoader;
  try {
    await datamodule.setup?.("fit");
    loader = datamodule.trainDataloader();
  } catch (error) {
    const unknown = error instanceof Error ? error.message : String(error);
    return { next: { batch, batches: null, examples: null, unknown }, problems: [] };
  }
  const problems = await changesOf(loader, entry, cursor);
  const batches = limitedBatches("limit_train_batches", loader.length, trainer.options.limitTrainBatches);
  const examples = problems.length > 0 ? null : nextExamples(loader, cursor, isInside, batch);
  return { next: { batch, batches, examples, unknown: null }, problems };
}

/** How the data differs from what the checkpoint was trained on. */
async function changesOf(loader: DataLoader, entry: PyDict, cursor: PyDict | null): Promise<string[]> {
  if (cursor === null) return [];
  const [before, now] = [cursor.get("num_examples"), loader.dataset.length];
  if (typeof before === "number" && before !== now) {
    return [`the training data has changed: it has ${now} examples, and had ${before}`];
  }
  const [saved, here] = [entry.get("fingerprint"), await datasetFingerprint(loader.dataset)];
  if (typeof saved === "string" && here !== null && saved !== here) {
    return [`the training data has changed: its ${now} examples are not those it had when the checkpoint was written`];
  }
  try {
    const consumed = dictAt(entry, "consumed");
    const isSame = consumed === null || new ConsumedSamples().loadStateDict(consumed, loader.iterate(cursor), false);
    return isSame ? [] : ["the training data has changed: its examples come in another order"];
  } catch (error) {
    if (error instanceof LtrainError) return [error.message];
    throw error;
  }
}

function nextExamples(loader: DataLoader, cursor: PyDict | null, isInside: boolean, batch: number): number[] | null {
  const isKnown = isInside && cursor !== null;
  if (!isKnown && loader.shuffle) return null; // drawn when the epoch begins
  const start = batch * loader.batchSize;
  const end = Math.min(start + loader.batchSize, loader.dataset.length);
  const pass = isKnown ? loader.iterate(cursor) : loader.iterate();
  return [...pass.orderOf(start, end)].flatMap((piece) => [...piece]);
}

function dictAt(dict: PyDict, key: string): PyDict | null {
  const value = dict.get(key);
  return value instanceof PyDict ? value : null;
}
