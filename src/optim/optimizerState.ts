import { LtrainError } from "../errors.js";
import type { Parameter } from "../nn/parameter.js";
import { asItems, asNumber, keyText } from "../pickle/convert.js";
import { PyDict, PyFloat, PyTuple, type PyValue } from "../pickle/values.js";
import { scalarTensor, type HostTensor } from "../storage/hostTensor.js";
import { StoredTensor, storedTensor } from "../storage/storedTensor.js";
import { readTensor } from "../storage/strided.js";
import { castHost, hostNumbers } from "../tensor/cast.js";
import type { Variable } from "../tensor/variable.js";
import { ParamGroup } from "./paramGroup.js";
import type { ParamState } from "./paramState.js";

/** torch's `{state, param_groups}`: parameters are numbered through the groups; who was never updated has no entry. */
export async function dumpOptimizer(
  groups: readonly ParamGroup[],
  states: ReadonlyMap<Parameter, ParamState>,
  { countsSteps, hasStateFromStart }: Pick<OptimizerShape, "countsSteps" | "hasStateFromStart">,
  read: (variable: Variable) => Promise<HostTensor>,
): Promise<PyDict> {
  const numbers = new Map(groups.flatMap(({ params }) => params).map((param, index) => [param, index]));
  const state = new PyDict();
  for (const [param, { step, numbers: counts, slots }] of states) {
    if ((step === 0 && !hasStateFromStart) || (slots.size === 0 && !countsSteps)) continue;
    const entry = new PyDict(countsSteps ? [["step", storedTensor(scalarTensor(step))]] : []);
    for (const [name, value] of Object.entries(counts)) entry.set(name, storedTensor(scalarTensor(value)));
    for (const [name, variable] of slots) entry.set(name, storedTensor(await read(variable)));
    state.set(numbers.get(param) ?? null, entry);
  }
  const paramGroups = groups.map(({ params, options }) => {
    const indices = params.map((param) => numbers.get(param) ?? null);
    return new PyDict(options).set("params", indices);
  });
  return PyDict.from({ state, param_groups: paramGroups });
}

/** What must be known of an optimizer whose state this is. */
export interface OptimizerShape {
  readonly name: string;
  readonly countsSteps: boolean;
  /** Options that files of older torch may lack. */
  readonly defaults: ReadonlyMap<string, PyValue>;
  /** Numbers beside `step` that are kept of a parameter. */
  readonly numberNames: readonly string[];
  readonly slotNames: (group: ParamGroup) => readonly string[];
  /** Whether a parameter that was never updated has an entry too. */
  readonly hasStateFromStart: boolean;
}

/** The state of one parameter; where the optimizer does not count, it was updated once or more: 1. */
export interface RestoredState {
  readonly param: Parameter;
  readonly step: number;
  readonly numbers: Readonly<Record<string, number>>;
  readonly slots: ReadonlyMap<string, HostTensor>;
}

/** A state_dict that was found to fit, with its tensors read. */
export interface RestoredOptimizer {
  readonly options: readonly Map<string, PyValue>[];
  readonly states: readonly RestoredState[];
}

/** A parameter, its group, and its number among all of the optimizer's parameters. */
interface Place {
  readonly param: Parameter;
  readonly group: ParamGroup;
  readonly index: number;
}

/** Read torch's `{state, param_groups}` for these groups; all that does not fit is told in one checkpoint.mismatch. */
export async function restoreOptimizer(
  dict: PyDict,
  groups: readonly ParamGroup[],
  optimizer: OptimizerShape,
): Promise<RestoredOptimizer> {
  const { fileGroups, fileState } = partsOf(dict);
  refuse(optimizer, compareGroups(groups, fileGroups));
  const options = await Promise.all(fileGroups.map(readOptions));
  // The file's options are those that go on: what a parameter must have depends on them.
  const places = placesOf(
    groups.map((group, i) => new ParamGroup(group.params, new Map([...group.options, ...(options[i] ?? [])]))),
    fileGroups,
  );
  const complaints = [...fileState].flatMap(([key, entry]) => {
    const place = places.get(asNumber(key) ?? Number.NaN);
    return place === undefined || !(entry instanceof PyDict)
      ? [`the state has an entry ${keyText(key)} that belongs to no parameter`]
      : compareEntry(place, entry, optimizer);
  });
  refuse(optimizer, complaints);

  options.forEach((own, i) => {
    const names = groups[i]?.options.get("param_names");
    for (const [name, value] of optimizer.defaults) if (!own.has(name)) own.set(name, value);
    if (names !== undefined && !own.has("param_names")) own.set("param_names", names);
  });
  const states: RestoredState[] = [];
  for (const [key, entry] of fileState) {
    const place = places.get(asNumber(key) ?? Number.NaN);
    if (place === undefined || !(entry instanceof PyDict)) continue;
    const slots = new Map<string, HostTensor>();
    for (const [name, tensor] of slotsOf(entry, optimizer)) {
      slots.set(name, castHost(await readTensor(tensor), place.param.dtype));
    }
    if (!optimizer.countsSteps && slots.size === 0) continue;
    const numbers: Record<string, number> = {};
    for (const name of optimizer.numberNames) {
      const number = asNumber(await readScalar(entry.get(name) ?? null));
      if (number !== undefined) numbers[name] = number;
    }
    const step = asNumber(await readScalar(entry.get("step") ?? null)) ?? 1;
    states.push({ param: place.param, step, numbers, slots });
  }
  return { options, states };
}

function partsOf(dict: PyDict): { fileGroups: readonly PyDict[]; fileState: PyDict } {
  const fileGroups = asItems(dict.get("param_groups"))?.filter((group) => group instanceof PyDict);
  const fileState = dict.get("state");
  if (fileGroups === undefined || !(fileState instanceof PyDict)) {
    throw new LtrainError(
      "checkpoint.malformed",
      "the optimizer's state is not {state, param_groups} as torch writes it",
    );
  }
  return { fileGroups, fileState };
}

function refuse({ name }: OptimizerShape, complaints: readonly string[]): void {
  if (complaints.length === 0) return;
  throw new LtrainError(
    "checkpoint.mismatch",
    [`the optimizer's state in the checkpoint does not fit ${name}`, ...complaints].join("\n  "),
    { hint: "parameters are matched by position: was it written with another optimizer or another model?" },
  );
}

function compareGroups(groups: readonly ParamGroup[], fileGroups: readonly PyDict[]): string[] {
  if (groups.length !== fileGroups.length) {
    return [`parameter groups: ${fileGroups.length} in the checkpoint, ${groups.length} here`];
  }
  return groups.flatMap(({ params }, i) => {
    const there = asItems(fileGroups[i]?.get("params"))?.length ?? 0;
    return there === params.length
      ? []
      : [`parameters of group ${i}: ${there} in the checkpoint, ${params.length} here`];
  });
}

/** The file numbers its parameters as it likes; what counts is their order. */
function placesOf(groups: readonly ParamGroup[], fileGroups: readonly PyDict[]): Map<number, Place> {
  const here = groups.flatMap((group) => group.params.map((param) => ({ param, group })));
  const there = fileGroups.flatMap((group) => asItems(group.get("params")) ?? []);
  return new Map(here.map((place, index) => [asNumber(there[index]) ?? index, { ...place, index }]));
}

function compareEntry({ param, group, index }: Place, entry: PyDict, optimizer: OptimizerShape): string[] {
  const slots = slotsOf(entry, optimizer);
  const kept = [...entry].filter(([, value]) => value !== null).map(([name]) => keyText(name));
  if (kept.length === 0) return [];
  const needed = [...(optimizer.countsSteps ? ["step", ...optimizer.numberNames] : []), ...optimizer.slotNames(group)];
  const isForeign = !optimizer.countsSteps && kept.includes("step");
  if (isForeign || needed.some((name) => !kept.includes(name))) {
    return [
      `parameter ${index}: the checkpoint has ${kept.join(", ")}, ${optimizer.name} needs ${needed.join(", ") || "none"}`,
    ];
  }
  return [...slots]
    .filter(([, { shape }]) => shape.join() !== param.shape.join())
    .map(
      ([name, { shape }]) =>
        `parameter ${index}: ${name} is [${shape.join(", ")}] in the checkpoint, the parameter is [${param.shape.join(", ")}]`,
    );
}

/** The tensors of a parameter's state, without its counters. */
function slotsOf(entry: PyDict, { numberNames }: OptimizerShape): Map<string, StoredTensor> {
  const isSlot = (name: string): boolean => name !== "step" && !numberNames.includes(name);
  return new Map(
    [...entry].flatMap(([name, value]): [string, StoredTensor][] =>
      typeof name === "string" && isSlot(name) && value instanceof StoredTensor ? [[name, value]] : [],
    ),
  );
}

/** A group's options; a learning rate or beta that torch kept as a 0-dim tensor becomes the float it is. */
async function readOptions(group: PyDict): Promise<Map<string, PyValue>> {
  const options = new Map<string, PyValue>();
  for (const [name, value] of group) {
    if (typeof name !== "string" || name === "params") continue;
    const items = value instanceof PyTuple ? new PyTuple(await Promise.all(value.items.map(readScalar))) : value;
    options.set(name, await readScalar(items));
  }
  return options;
}

async function readScalar(value: PyValue): Promise<PyValue> {
  if (!(value instanceof StoredTensor) || value.numel !== 1) return value;
  const [number] = hostNumbers(await readTensor(value));
  return new PyFloat(number ?? Number.NaN);
}
