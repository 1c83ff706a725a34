import { dirname, basename, resolve } from "node:path";
import { LtrainError } from "../errors.js";
import { detail } from "../io/details.js";
import { environmentVariables } from "../io/environment.js";
import { fileExists, listFolder, readText } from "../io/textFile.js";
import { nearest } from "../nearest.js";
import { checkArgs, unknownKey } from "./checkArgs.js";
import type { ClassKind } from "./classEntry.js";
import { Complaints } from "./complaints.js";
import type { Config } from "./config.js";
import { CONFIG_KEYS } from "./config.js";
import type { ConfigNode, MapNode } from "./configNode.js";
import { emptyMap, nodeAt, nodeOf, quoteNode } from "./configNode.js";
import { checkTrainer } from "./checkTrainer.js";
import type { InitFrom } from "./initFrom.js";
import { INIT_FROM, resolveInitFrom, splitInitFrom } from "./initFrom.js";
import { environmentOverrides, overruledVariables } from "./environmentConfig.js";
import type { Environment } from "./interpolation.js";
import { resolveInterpolations } from "./interpolation.js";
import { mergeNodes, normalizeClasses } from "./mergeNodes.js";
import type { Override } from "./overrides.js";
import { applyOverrides, optionOverride, parseOverrides } from "./overrides.js";
import type { Origin } from "./origin.js";
import { placeOf } from "./origin.js";
import { readYaml } from "./readYaml.js";
import { isSameClass } from "./registry.js";
import type { ResolveContext, ResolvedClass } from "./resolveClass.js";
import { resolveClass } from "./resolveClass.js";
import { TOP_LEVEL } from "./topLevel.js";

/** An option of the command that stands for a config key: `--engine tfjs` for `trainer.engine`. */
export interface ConfigOption {
  /** As it was typed. */
  readonly text: string;
  readonly path: readonly string[];
  readonly value: string;
}

/** Everything a config is made from. */
export interface ConfigSources {
  /** YAML or JSON files; a later one wins. */
  readonly files: readonly string[];
  /** A config kept in a checkpoint, under all others. */
  readonly embedded?: { readonly config: Readonly<Record<string, unknown>>; readonly path: string };
  readonly options?: readonly ConfigOption[];
  /** The words of the command line that are no options of the command: `--trainer.max_epochs 3`. */
  readonly overrides: readonly string[];
  /** Variables that stand for keys, under everything else, and those that `${oc.env:NAME}` names: the process's own. */
  readonly environment?: Environment;
}

/** A config that has been merged and checked: its plain form, and the classes it names. */
export interface ResolvedConfig {
  readonly config: Config;
  readonly model: ResolvedClass<"model">;
  /** Where the model's first weights come from; null: from the seed. */
  readonly initFrom: InitFrom | null;
  readonly data: ResolvedClass<"data">;
  readonly callbacks: readonly ResolvedClass<"callback">[];
  /** null: the default logger; an empty list: none. */
  readonly loggers: readonly ResolvedClass<"logger">[] | null;
  readonly optimizer: ResolvedClass<"optimizer"> | null;
  readonly lrScheduler: ResolvedClass<"lr_scheduler"> | null;
  /** Remarks that are no mistakes. */
  readonly notes: readonly string[];
}

/** Read, merge and check a config; everything that is wrong with it is said at once. */
export async function loadConfig(sources: ConfigSources): Promise<ResolvedConfig> {
  const complaints = new Complaints();
  const notes: string[] = [];
  const environment = sources.environment ?? environmentVariables();
  const merged = await mergeSources(sources, environment, { complaints, notes });
  tellSources(sources, environment);
  const root = resolveInterpolations(merged, environment, complaints);
  complaints.throwIfAny();
  return checkConfig(root, { complaints, notes });
}

async function mergeSources(
  sources: ConfigSources,
  environment: Environment,
  { complaints, notes }: ResolveContext,
): Promise<MapNode> {
  const start: Origin = { kind: "override", text: "the config" };
  const variables = environmentOverrides(environment);
  let root: ConfigNode = applyOverrides(emptyMap(start), variables, isSameClass, complaints);
  if (sources.embedded !== undefined) {
    const embedded = nodeOf(sources.embedded.config, { kind: "checkpoint", path: sources.embedded.path });
    root = mergeNodes(root, embedded, isSameClass);
  }
  for (const path of sources.files) {
    const node = await readConfigFile(path, complaints);
    if (node !== undefined) root = mergeNodes(root, normalizeClasses(node), isSameClass);
  }
  const options = (sources.options ?? []).map((option) => optionOverride(option.text, option.path, option.value));
  const overrides: Override[] = [...options, ...parseOverrides(sources.overrides, complaints)];
  complaints.throwIfAny();
  const map = root.kind === "map" ? root : emptyMap(start);
  notes.push(...overruledVariables(map, variables, complaints));
  return applyOverrides(map, overrides, isSameClass, complaints);
}

/** What a config was made from, the weakest first. */
function tellSources({ embedded, files, options, overrides }: ConfigSources, environment: Environment): void {
  for (const { origin, path } of environmentOverrides(environment)) {
    detail("config", () => `${path.join(".")} from the environment: ${placeOf(origin).split("=", 1)[0] ?? ""}`);
  }
  if (embedded !== undefined) detail("config", () => `what is kept in ${resolve(embedded.path)}`);
  for (const file of files) detail("config", () => resolve(file));
  for (const { text, path } of options ?? []) detail("config", () => `${path.join(".")} from ${text}`);
  if (overrides.length > 0) detail("config", () => overrides.join(" "));
}

async function readConfigFile(path: string, complaints: Complaints): Promise<MapNode | undefined> {
  if (!(await fileExists(path))) throw await missingConfig(path);
  const node = readYaml(await readText(path), path, complaints);
  if (node === undefined || node.kind === "map") return node;
  if (node.kind === "scalar" && node.value === null) return undefined; // an empty file says nothing
  complaints.add(node.origin, "", `expected a mapping of ${CONFIG_KEYS.join(", ")}, found ${quoteNode(node)}`);
  return undefined;
}

async function missingConfig(path: string): Promise<LtrainError> {
  const names = (await listFolder(dirname(path))).filter((entry) => entry.kind === "file").map((entry) => entry.name);
  const near = nearest(
    basename(path),
    names.filter((name) => /\.(ya?ml|json)$/.test(name)),
  );
  const hint = near === undefined ? undefined : `did you mean ${resolve(dirname(path), near)}?`;
  return new LtrainError("file.missing", `there is no config ${path}`, hint === undefined ? {} : { hint });
}

const NOTHING: ConfigNode = { kind: "scalar", value: null, origin: { kind: "override", text: "the config" } };

async function checkConfig(root: MapNode, context: ResolveContext): Promise<ResolvedConfig> {
  const { complaints, notes } = context;
  for (const [key, entry] of root.entries) {
    if (key === SCHEMA_KEY) continue;
    if (!CONFIG_KEYS.some((known) => known === key)) complaints.add(entry.keyOrigin, key, unknownTopKey(key));
  }
  const plain = checkArgs(TOP_LEVEL, pick(root, Object.keys(TOP_LEVEL)), { path: [], origin: root.origin, complaints });
  const classAt = async <Kind extends ClassKind>(
    kind: Kind,
    key: string,
    node: ConfigNode | undefined = nodeAt(root, [key]),
  ): Promise<ResolvedClass<Kind> | null | undefined> => {
    const isNothing = node === undefined || (node.kind === "scalar" && node.value === null);
    return isNothing ? null : resolveClass(kind, node, [key], context);
  };
  const { model: modelNode, initFrom: initFromNode } = splitInitFrom(nodeAt(root, ["model"]) ?? NOTHING);
  const initFrom = await resolveInitFrom(initFromNode, ["model", INIT_FROM], complaints);
  const model = await classAt("model", "model", modelNode);
  const data = await classAt("data", "data");
  const optimizer = await classAt("optimizer", "optimizer");
  const lrScheduler = await classAt("lr_scheduler", "lr_scheduler");
  const trainer = await checkTrainer(nodeAt(root, ["trainer"]), root.origin, context);
  if (model === null) complaints.add(root.origin, "model", "is missing: expected a class_path, such as LitAutoEncoder");
  if (data === null) complaints.add(root.origin, "data", "is missing: expected a class_path, such as MNISTDataModule");
  if (lrScheduler && optimizer === null) {
    complaints.add(
      nodeAt(root, ["lr_scheduler"])?.origin ?? root.origin,
      "lr_scheduler",
      "needs an optimizer beside it in the config",
    );
  }
  complaints.throwIfAny();
  if (!model || !data || trainer === undefined || plain === undefined)
    throw new TypeError("unreachable: a complaint is missing");
  const config: Config = {
    seed_everything: plain.args["seed_everything"] as boolean | number,
    model: { ...model.config, ...(initFrom && { init_from: initFrom.config }) },
    data: data.config,
    trainer: trainer.config,
    optimizer: optimizer?.config ?? null,
    lr_scheduler: lrScheduler?.config ?? null,
    ckpt_path: plain.args["ckpt_path"] as string | null,
  };
  const { callbacks, loggers } = trainer;
  return {
    config,
    model,
    initFrom: initFrom ?? null,
    data,
    callbacks,
    loggers,
    optimizer: optimizer ?? null,
    lrScheduler: lrScheduler ?? null,
    notes,
  };
}

/** Where JSON files name their schema, for editors. */
const SCHEMA_KEY = "$schema";

/** LightningCLI's subcommands stand around the keys in configs for its root parser. */
const SUBCOMMANDS = new Set(["fit", "validate", "test", "predict"]);

function unknownTopKey(key: string): string {
  if (SUBCOMMANDS.has(key)) return `there is no such key; put what stands under ${key} at the top level`;
  return unknownKey(key, CONFIG_KEYS);
}

function pick(root: MapNode, keys: readonly string[]): MapNode {
  return { ...root, entries: new Map([...root.entries].filter(([key]) => keys.includes(key))) };
}
