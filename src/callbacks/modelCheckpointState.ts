import { PyDict } from "../pickle/values.js";
import { readScore, scoreTensor } from "./scoreTensor.js";

/** What a ModelCheckpoint remembers, by the names it has in the file. */
export interface ModelCheckpointState {
  readonly monitor: string | null;
  readonly best_model_score: number | null;
  readonly best_model_path: string;
  readonly current_score: number | null;
  readonly dirpath: string;
  readonly best_k_models: ReadonlyMap<string, number>;
  readonly kth_best_model_path: string;
  readonly kth_value: number;
  readonly last_model_path: string;
  /** ltrain's own: where best.ckpt is; absent without one. */
  readonly best_copy_path?: string;
}

/** The state as Lightning writes it: scores are 0-dim float32 tensors. */
export function dumpState(state: ModelCheckpointState): PyDict {
  return PyDict.from({
    monitor: state.monitor,
    best_model_score: scoreTensor(state.best_model_score),
    best_model_path: state.best_model_path,
    current_score: scoreTensor(state.current_score),
    dirpath: state.dirpath,
    best_k_models: new PyDict([...state.best_k_models].map(([path, score]) => [path, scoreTensor(score)])),
    kth_best_model_path: state.kth_best_model_path,
    kth_value: scoreTensor(state.kth_value),
    last_model_path: state.last_model_path,
    ...(state.best_copy_path === undefined ? {} : { best_copy_path: state.best_copy_path }),
  });
}

/** What is known of a state in a file; a score may be of any dtype, and any key may be absent in older files. */
export async function parseState(state: PyDict): Promise<Partial<ModelCheckpointState>> {
  const text = (key: string): string | undefined => {
    const value = state.get(key);
    return typeof value === "string" ? value : undefined;
  };
  const models = state.get("best_k_models");
  const scores = new Map<string, number>();
  if (models instanceof PyDict) {
    for (const [path, value] of models) {
      const score = await readScore(value);
      if (typeof path === "string" && score !== null) scores.set(path, score);
    }
  }
  const known = {
    best_model_score: await readScore(state.get("best_model_score")),
    best_model_path: text("best_model_path"),
    current_score: await readScore(state.get("current_score")),
    dirpath: text("dirpath"),
    best_k_models: scores,
    kth_best_model_path: text("kth_best_model_path"),
    kth_value: (await readScore(state.get("kth_value"))) ?? undefined,
    last_model_path: text("last_model_path"),
    best_copy_path: text("best_copy_path"),
  };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
}
