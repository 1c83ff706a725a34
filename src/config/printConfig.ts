import { stringify } from "yaml";
import type { Config } from "./config.js";

/** A config as YAML that loads as the same config. */
export function printConfig(config: Config): string {
  return stringify(config, { lineWidth: 0, aliasDuplicateObjects: false });
}
