import type { Config } from "../config/config.js";
import { printConfig } from "../config/printConfig.js";
import type { Terminal } from "../io/console.js";
import { jsonDocument } from "./jsonWriter.js";

/** `--print-config`: YAML that loads as the same config, or with `--json` one object that holds it. */
export function showConfig(config: Config, { json }: { readonly json: boolean }, terminal: Terminal): void {
  terminal.stdout.write(json ? jsonDocument({ config }, 2) : printConfig(config));
}
