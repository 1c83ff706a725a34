import { watchesTheSame } from "../callbacks/modelCheckpointKey.js";
import type { Callback } from "../core/callback.js";
import { userCode } from "../loops/userFailure.js";
import { keyText } from "../pickle/convert.js";
import { PyDict } from "../pickle/values.js";

/** What became of the states of a checkpoint's callbacks. */
export interface RestoredCallbacks {
  /** States that nobody here claims. */
  readonly unclaimed: PyDict;
  /** States that went to a callback with another key: its arguments were changed. */
  readonly adopted: readonly { readonly from: string; readonly to: string }[];
  /** Keys of the callbacks that keep a state, and have none in the checkpoint. */
  readonly fresh: readonly string[];
}

/**
 * Every callback takes its state. A ModelCheckpoint's key holds its arguments: where one that decides when it saves was
 * changed, its scores still mean the same, and the state with the old key is its own.
 */
export async function restoreCallbacks(callbacks: readonly Callback[], states: PyDict): Promise<RestoredCallbacks> {
  const unclaimed = new PyDict(states);
  const without: Callback[] = [];
  for (const callback of callbacks) {
    if (!(await giveState(callback, unclaimed, callback.stateKey))) without.push(callback);
  }
  const adopted: { from: string; to: string }[] = [];
  const fresh: string[] = [];
  for (const callback of without) {
    const { stateKey: to } = callback;
    const from = formerKey(to, unclaimed, without);
    if (from !== null && (await giveState(callback, unclaimed, from))) adopted.push({ from, to });
    else if (keepsState(callback)) fresh.push(to);
  }
  return { unclaimed, adopted, fresh };
}

async function giveState(callback: Callback, states: PyDict, key: string): Promise<boolean> {
  const state = states.get(key);
  if (!(state instanceof PyDict)) return false;
  states.delete(key);
  await userCode(`${callback.constructor.name}.loadStateDict`, () => callback.loadStateDict?.(state));
  return true;
}

/** The one key that a callback may have had before its arguments were changed; null where there is none, or a choice. */
function formerKey(key: string, states: PyDict, without: readonly Callback[]): string | null {
  const candidates = [...states].filter(([other]) => watchesTheSame(keyText(other), key));
  const rivals = without.filter(({ stateKey }) => watchesTheSame(stateKey, key));
  const [former] = candidates[0] ?? [];
  return candidates.length === 1 && rivals.length === 1 && typeof former === "string" ? former : null;
}

function keepsState(callback: Callback): boolean {
  return (callback.stateDict()?.size ?? 0) > 0;
}
