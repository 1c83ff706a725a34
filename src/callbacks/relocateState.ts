import { basename, join, relative, resolve } from "node:path";
import { fileExists } from "../io/textFile.js";
import type { ModelCheckpointState } from "./modelCheckpointState.js";

/**
 * A state that was written for another folder, with every file where it is now: where it was, or moved here with its
 * folder. One that is nowhere is forgotten, so that it takes no place among the best. Lightning forgets them all.
 */
export async function relocateState(
  state: Partial<ModelCheckpointState>,
  dirpath: string,
): Promise<Partial<ModelCheckpointState>> {
  const before = state.dirpath;
  if (before === undefined || resolve(before) === resolve(dirpath)) return state;
  const find = async (path = ""): Promise<string> => {
    if (path === "" || (await fileExists(path))) return path;
    const inside = relative(before, path);
    const here = join(dirpath, inside.startsWith("..") ? basename(path) : inside);
    return (await fileExists(here)) ? here : "";
  };
  const scores = new Map<string, number>();
  for (const [path, score] of state.best_k_models ?? []) scores.set(await find(path), score);
  scores.delete("");
  const best = await find(state.best_model_path);
  const kth = await find(state.kth_best_model_path);
  const { kth_value: kthValue, ...others } = state;
  return {
    ...others,
    best_model_path: best,
    best_model_score: best === "" ? null : (state.best_model_score ?? null),
    best_k_models: scores,
    kth_best_model_path: kth,
    ...(kth !== "" && kthValue !== undefined && { kth_value: kthValue }),
    last_model_path: await find(state.last_model_path),
    best_copy_path: await find(state.best_copy_path),
  };
}

/** Whether a file lies in a folder, at any depth. */
export function liesIn(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return inside !== "" && !inside.startsWith("..") && resolve(inside) !== inside;
}
