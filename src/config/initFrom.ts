import { z } from "zod";
import type { HparamValue } from "../core/lightningModule.js";
import type { LoadedWeights, LoadWeightsOptions } from "../core/loadWeights.js";
import { loadWeights } from "../core/loadWeights.js";
import { LtrainError } from "../errors.js";
import type { Module } from "../nn/module.js";
import { camelKeys } from "./camelKeys.js";
import { checkArgs } from "./checkArgs.js";
import type { Complaints } from "./complaints.js";
import { dotted } from "./complaints.js";
import type { ConfigNode, ConfigPath, MapNode } from "./configNode.js";
import { mapOf, nodeAt, quoteNode } from "./configNode.js";
import { inputPath } from "./inputPath.js";
import { placeOf } from "./origin.js";

/** The key beside a model's class_path under which it is said. */
export const INIT_FROM = "init_from";

const names = (description: string): z.ZodType =>
  z
    .union([z.string(), z.array(z.string())])
    .optional()
    .meta({ description, expected: "a name or a list of names" });
const newNames = (description: string): z.ZodType =>
  z.record(z.string(), z.string()).optional().meta({ description, expected: "a mapping of names to names" });

/** Where a model's first weights come from; a path alone stands for `{path: ...}`. */
export const initFromArgs = z.strictObject({
  path: z.string().min(1).describe("A file, folder or address with named tensors: pt, ckpt, safetensors, npz, shards."),
  strict: z
    .boolean()
    .default(true)
    .describe("All that is asked for must be there and nothing else; false lets names pass, but no shapes."),
  key: z.string().optional().describe("The part of the file that is meant instead of its state_dict: ema.params."),
  prefix: names("Take only these modules of the file; nothing else of the model is asked for."),
  strip_prefix: z.boolean().default(false).describe("Take the prefix off the names."),
  add_prefix: z.string().optional().describe("The model's part that the file is for: encoder."),
  strip_wrappers: z.boolean().default(false).describe("Take the wrappers of torch.compile and DDP out of the names."),
  include: names("Globs: only names that fit one of them are taken and asked for."),
  exclude: names("Globs: names that fit one of them are neither taken nor asked for: a head that is trained anew."),
  rename: newNames("Modules, prefixes (model.) or /regular expressions/ to what stands in their place in the model."),
  map: newNames("Whole names in the file to names in the model."),
});

/** Where a model's first weights come from. */
export interface InitFrom {
  readonly path: string;
  /** As it was written, with the path in full. */
  readonly config: Readonly<Record<string, HparamValue>>;
  /** Put them into the module; what is wrong is put down to its place in the config. */
  readonly load: (module: Module) => Promise<LoadedWeights>;
}

/** A path alone in full, so that it merges with what else is said: `--model.init_from.strict false`. */
export function fullInitFrom(model: ConfigNode): ConfigNode {
  const entry = model.kind === "map" ? model.entries.get(INIT_FROM) : undefined;
  if (model.kind !== "map" || entry?.node.kind !== "scalar" || typeof entry.node.value !== "string") return model;
  const node = mapOf("path", entry.node, entry.node.origin);
  return { ...model, entries: new Map([...model.entries, [INIT_FROM, { ...entry, node }]]) };
}

/** A model's `init_from` apart from the class that it stands beside. */
export function splitInitFrom(model: ConfigNode): { model: ConfigNode; initFrom: ConfigNode | undefined } {
  if (model.kind !== "map") return { model, initFrom: undefined };
  const rest = new Map(model.entries);
  rest.delete(INIT_FROM);
  return { model: { ...model, entries: rest }, initFrom: nodeAt(model, [INIT_FROM]) };
}

/** Check an `init_from`; null where there is none, undefined after a complaint. The file itself is read by `load`. */
export async function resolveInitFrom(
  node: ConfigNode | undefined,
  path: ConfigPath,
  complaints: Complaints,
): Promise<InitFrom | null | undefined> {
  if (node === undefined || (node.kind === "scalar" && node.value === null)) return null;
  if (node.kind !== "map") {
    complaints.add(node.origin, dotted(path), `expected a path, or a mapping with one, found ${quoteNode(node)}`);
    return undefined;
  }
  const checked = checkArgs(initFromArgs.shape, node, { path, origin: node.origin, complaints });
  if (checked === undefined) return undefined;
  return initFrom(node, checked.args, checked.written as Record<string, HparamValue>);
}

async function initFrom(
  node: MapNode,
  args: Readonly<Record<string, unknown>>,
  written: Readonly<Record<string, HparamValue>>,
): Promise<InitFrom> {
  const origin = nodeAt(node, ["path"])?.origin ?? node.origin;
  const path = await inputPath(String(args["path"]), origin);
  const others = Object.fromEntries(
    Object.entries(args).filter(([key]) => !["path", "include", "exclude"].includes(key)),
  );
  const { include, exclude } = args;
  const options: LoadWeightsOptions = { ...camelKeys(others), ...lists({ include, exclude }) };
  const load = async (module: Module): Promise<LoadedWeights> => {
    try {
      return await loadWeights(module, path, options);
    } catch (error) {
      if (!(error instanceof LtrainError)) throw error;
      throw new LtrainError(error.code, `${placeOf(origin)}: ${error.message}`, {
        cause: error,
        ...(error.hint !== undefined && { hint: error.hint }),
      });
    }
  };
  return { path, config: { ...written, path }, load };
}

/** One name where a list of them is meant. */
function lists(given: Readonly<Record<string, unknown>>): Record<string, readonly string[]> {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, (Array.isArray(value) ? value : [value]) as readonly string[]]),
  );
}
