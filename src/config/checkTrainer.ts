import type { HparamValue } from "../core/lightningModule.js";
import { checkArgs, unknownKey } from "./checkArgs.js";
import type { TrainerConfig } from "./config.js";
import type { ClassKind } from "./classEntry.js";
import type { ConfigNode, Entry, MapNode } from "./configNode.js";
import { emptyMap, quoteNode } from "./configNode.js";
import type { Complaints } from "./complaints.js";
import type { Origin } from "./origin.js";
import type { ResolveContext, ResolvedClass } from "./resolveClass.js";
import { resolveClass } from "./resolveClass.js";
import { LIGHTNING_ARGUMENTS } from "../trainer/lightningArguments.js";
import { GONE, TRAINER_KEYS, TRAINER_OPTIONS, isHarmless, isTrainerOption } from "./trainerOptions.js";

/** The trainer's part of a config after checking. */
export interface CheckedTrainer {
  readonly config: TrainerConfig;
  readonly callbacks: readonly ResolvedClass<"callback">[];
  /** null: the default logger; an empty list: none. */
  readonly loggers: readonly ResolvedClass<"logger">[] | null;
}

/** Check `trainer`: its options, the callbacks and loggers it names; undefined after a complaint. */
export async function checkTrainer(
  node: ConfigNode | undefined,
  origin: Origin,
  context: ResolveContext,
): Promise<CheckedTrainer | undefined> {
  const { complaints } = context;
  if (node !== undefined && node.kind !== "map" && !isNull(node)) {
    complaints.add(node.origin, "trainer", `expected a mapping, found ${quoteNode(node)}`);
    return undefined;
  }
  const map = node?.kind === "map" ? node : emptyMap(origin);
  const options = new Map<string, Entry>();
  for (const [key, entry] of map.entries) {
    if (isTrainerOption(key)) options.set(key, withWholeLimit(key, entry, complaints));
    else if (key !== "callbacks" && key !== "logger") rejectOption(key, entry, complaints);
  }
  const checked = checkArgs(
    TRAINER_OPTIONS,
    { ...map, entries: options },
    { path: ["trainer"], origin: map.origin, complaints },
  );
  const callbacks = await resolveList("callback", "callbacks", map, context);
  const loggers = await resolveList("logger", "logger", map, context);
  if (checked === undefined || callbacks === undefined || loggers === undefined) return undefined;
  const isBarebones = checked.args["barebones"] === true;
  const logger = map.entries.get("logger")?.node;
  if (isBarebones && logger?.kind === "scalar" && logger.value === true) {
    complaints.add(logger.origin, "trainer.logger", "barebones is true: logging costs time; leave out one of them");
    return undefined;
  }
  const config = {
    ...(checked.args as Record<string, HparamValue>),
    logger:
      loggers === "default" ? !isBarebones : loggers.length === 0 ? false : loggers.map((logger) => logger.config),
    callbacks: callbacks === "default" || callbacks.length === 0 ? null : callbacks.map((callback) => callback.config),
  };
  return {
    config,
    callbacks: callbacks === "default" ? [] : callbacks,
    loggers: loggers !== "default" ? loggers : isBarebones ? [] : null,
  };
}

function isNull(node: ConfigNode): boolean {
  return node.kind === "scalar" && node.value === null;
}

/** Options whose float 1.0 is all, while the integer 1 is one batch. */
const WHOLE = /^(limit_.*|overfit_batches|val_check_interval)$/;

/** 1.0 of the batches is all of them (null), while 1 is one batch; JavaScript's numbers cannot tell the two apart. */
function withWholeLimit(key: string, entry: Entry, complaints: Complaints): Entry {
  const { node } = entry;
  if (!WHOLE.test(key) || node.kind !== "scalar" || node.isFloat !== true || typeof node.value !== "number")
    return entry;
  if (node.value === 1) return { ...entry, node: { ...node, value: null } };
  if (node.value > 1) {
    complaints.add(
      node.origin,
      `trainer.${key}`,
      `expected a fraction from 0.0 to 1.0 or an integer, found ${quoteNode(node)}`,
    );
    return { ...entry, node: { ...node, value: null } };
  }
  return entry;
}

function rejectOption(key: string, entry: Entry, complaints: Complaints): void {
  const name = `trainer.${key}`;
  const gone = Object.hasOwn(GONE, key) ? GONE[key] : undefined;
  const known = Object.hasOwn(LIGHTNING_ARGUMENTS, key) ? LIGHTNING_ARGUMENTS[key] : undefined;
  if (gone !== undefined) complaints.add(entry.keyOrigin, name, gone.replace("FILE", fileIn(entry.node)));
  else if (known === undefined) complaints.add(entry.keyOrigin, name, unknownKey(key, TRAINER_KEYS));
  else if (!isHarmless(key, entry.node)) {
    complaints.add(entry.node.origin, name, `${quoteNode(entry.node)} is not for ltrain: ${known.answer}`);
  }
}

/** The path in an option that named a checkpoint, to repeat it in what to write instead. */
function fileIn(node: ConfigNode): string {
  return node.kind === "scalar" && typeof node.value === "string" ? node.value : "FILE";
}

/** Callbacks or loggers: a class or a list of them, "default" for null (and true), no items for false. */
async function resolveList<Kind extends ClassKind>(
  kind: Kind,
  key: "callbacks" | "logger",
  map: MapNode,
  context: ResolveContext,
): Promise<readonly ResolvedClass<Kind>[] | "default" | undefined> {
  const node = map.entries.get(key)?.node;
  if (node === undefined || isNull(node)) return "default";
  if (key === "logger" && node.kind === "scalar" && typeof node.value === "boolean") return node.value ? "default" : [];
  // LightningCLI takes one class without a list around it, too.
  const items = node.kind === "list" ? node.items : node.kind === "map" ? [node] : undefined;
  if (items === undefined) {
    const expected = key === "logger" ? "true, false, a class or a list of classes" : "a class or a list of classes";
    context.complaints.add(node.origin, `trainer.${key}`, `expected ${expected}, found ${quoteNode(node)}`);
    return undefined;
  }
  const resolved: ResolvedClass<Kind>[] = [];
  for (const [index, item] of items.entries()) {
    const path = node.kind === "list" ? ["trainer", key, index] : ["trainer", key];
    const one = await resolveClass(kind, item, path, context);
    if (one !== undefined) resolved.push(one);
  }
  return resolved.length === items.length ? resolved : undefined;
}
