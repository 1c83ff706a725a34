import { INIT_FROM } from "../config/initFrom.js";
import type { ResolvedConfig } from "../config/loadConfig.js";
import { display } from "../config/userModule.js";
import { isUrl } from "../io/location.js";
import { groupNames } from "../nn/loadState.js";
import type { Module } from "../nn/module.js";
import { plural } from "./units.js";

/** More names than this are counted, not shown. */
const MAX_SHOWN = 8;

/** Give a module the weights that the config's init_from names, and say which it got; a checkpoint brings its own. */
export async function initWeights(
  module: Module,
  { initFrom }: ResolvedConfig,
  ckptPath: string | null,
  say: (line: string) => void,
): Promise<void> {
  if (initFrom === null) return;
  if (ckptPath !== null) {
    say(`note: model.${INIT_FROM} is not read: all weights come from ${display(ckptPath)}`);
    return;
  }
  const { loaded, kept, unexpected } = await initFrom.load(module);
  const { path } = initFrom;
  say(`init     ${plural(loaded.length, "tensor")} from ${isUrl(path) ? path : display(path)}${keptText(kept)}`);
  if (unexpected.length > 0) say(`warning: the model has no ${namesText(unexpected)}: left out`);
}

function keptText(kept: readonly string[]): string {
  return kept.length === 0 ? "" : `; from the seed: ${namesText(kept)}`;
}

function namesText(names: readonly string[]): string {
  const shown = groupNames(names.slice(0, MAX_SHOWN));
  return names.length > MAX_SHOWN ? `${shown} and ${names.length - MAX_SHOWN} more` : shown;
}
