import { loadConfig } from "../config/loadConfig.js";
import type { TrainArguments } from "./runOptions.js";

/** Where runs are looked for when no checkpoint was named: default_root_dir, as the config or the command line has it. */
export async function newestRunRoot(args: Pick<TrainArguments, "config" | "overrides">): Promise<string> {
  if (args.config.length > 0) {
    const { config } = await loadConfig({ files: args.config, overrides: args.overrides });
    return (config.trainer["default_root_dir"] as string | null) ?? ".";
  }
  const name = "--trainer.default_root_dir";
  const at = args.overrides.findLastIndex((word) => word === name || word.startsWith(`${name}=`));
  const word = args.overrides[at];
  if (word === undefined) return ".";
  return (word === name ? args.overrides[at + 1] : word.slice(name.length + 1)) ?? ".";
}
