import { LtrainError } from "../errors.js";
import { asItems, asNumber } from "../pickle/convert.js";
import { PyDict } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { numelOf } from "../storage/hostTensor.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { counts } from "./denseTensor.js";
import { joinedTensor, piecesOf } from "./joinedTensor.js";
import type { TensorPiece } from "./joinedTensor.js";

/** The fp32 weights of a ZeRO checkpoint, put together from the partitions of all ranks. */
export interface ZeroWeights {
  readonly stage: number;
  readonly ranks: number;
  /** As DeepSpeed's zero_to_fp32.py makes it: buffers, frozen parameters, parameters, and the names that share one. */
  readonly stateDict: PyDict;
}

/**
 * The weights that `zero_to_fp32.py` would give, without reading them. `models` are the model states of all ranks
 * (stage 3) or of the first (1 and 2), `optimizers` the optimizer states of all ranks in order. Undefined when the
 * optimizer's states are of no known layout.
 */
export function zeroWeights(models: readonly PyDict[], optimizers: readonly PyDict[]): ZeroWeights | undefined {
  const states = optimizers.flatMap((each) => {
    const state = each.get("optimizer_state_dict");
    return state instanceof PyDict ? [state] : [];
  });
  const [model] = models;
  const [first] = states;
  const stage = asNumber(first?.get("zero_stage"));
  if (model === undefined || first === undefined || stage === undefined || states.length !== optimizers.length) {
    return undefined;
  }
  const key = stage <= 2 ? "single_partition_of_fp32_groups" : "fp32_flat_groups";
  const groups = states.map((state) => tensorsIn(state.get(key)));
  const shapes = shapesOf(model.get("param_shapes"));
  if (groups.some((list) => list.length === 0) || shapes.length === 0) return undefined;
  const ranks = ranksOf(first, optimizers.length);
  const stateDict = new PyDict([], "OrderedDict");
  addBuffers(model, stateDict);
  addFrozen(models, stage, stateDict);
  if (stage <= 2) addZero2(shapes, groups, stateDict);
  else addZero3(shapes, groups, stateDict);
  for (const [name, source] of model.get("shared_params") instanceof PyDict
    ? (model.get("shared_params") as PyDict)
    : []) {
    const shared = stateDict.get(source);
    if (shared !== undefined) stateDict.set(name, shared);
  }
  return { stage, ranks, stateDict };
}

/** A checkpoint of four ranks has four files; some of an older save may lie beside them. */
function ranksOf(state: PyDict, files: number): number {
  const count = state.get("partition_count");
  const ranks = Math.max(...(asItems(count) ?? [count ?? files]).map((each) => asNumber(each) ?? 0));
  if (ranks === files) return ranks;
  throw new LtrainError(
    "checkpoint.malformed",
    `the ZeRO checkpoint is of ${ranks} ranks, and there are ${files} files of optimizer states`,
    { hint: "files of a rank may be missing, or some of an older save may be left" },
  );
}

type Shapes = ReadonlyMap<string, readonly number[]>;

/** One dict of names and sizes for each param group; before DeepSpeed 0.3.17 a single dict. */
function shapesOf(value: PyValue | undefined): Shapes[] {
  const groups = value instanceof PyDict ? [value] : (asItems(value) ?? []);
  return groups.flatMap((group) => {
    if (!(group instanceof PyDict)) return [];
    const shapes = new Map<string, readonly number[]>();
    for (const [name, size] of group) if (typeof name === "string") shapes.set(name, counts(size, "size"));
    return [shapes];
  });
}

function tensorsIn(value: PyValue | undefined): StoredTensor[] {
  return (asItems(value) ?? []).filter((each) => each instanceof StoredTensor);
}

function addBuffers(model: PyDict, stateDict: PyDict): void {
  const module = model.get("module");
  for (const name of asItems(model.get("buffer_names")) ?? []) {
    const buffer = module instanceof PyDict ? module.get(name) : undefined;
    if (buffer instanceof StoredTensor) stateDict.set(name, buffer);
  }
}

/** Frozen parameters are whole in stages 1 and 2; in stage 3 every rank has a piece, the last one padded. */
function addFrozen(models: readonly PyDict[], stage: number, stateDict: PyDict): void {
  const shapes = shapesOf(models[0]?.get("frozen_param_shapes"))[0] ?? new Map<string, readonly number[]>();
  for (const [name, shape] of shapes) {
    const fragments = models.flatMap((model) => {
      const all = model.get("frozen_param_fragments");
      const fragment = all instanceof PyDict ? all.get(name) : undefined;
      return fragment instanceof StoredTensor ? [fragment] : [];
    });
    const [first] = fragments;
    if (first === undefined) continue;
    stateDict.set(name, stage <= 2 ? first : joined(name, shape, piecesOf(fragments, 0, numelOf(shape))));
  }
}

/** A group's parameters lie one after the other in the partitions of all ranks, one after the other. */
function addZero2(shapes: readonly Shapes[], groups: readonly (readonly StoredTensor[])[], stateDict: PyDict): void {
  shapes.forEach((group, index) => {
    const partitions = groups.flatMap((list) => list[index] ?? []);
    let offset = 0;
    for (const [name, shape] of group) {
      const numel = numelOf(shape);
      stateDict.set(name, joined(name, shape, piecesOf(partitions, offset, numel)));
      offset += numel;
    }
  });
}

/** Every parameter is cut into as many equal pieces as there are ranks; each rank has its pieces one after the other. */
function addZero3(shapes: readonly Shapes[], groups: readonly (readonly StoredTensor[])[], stateDict: PyDict): void {
  let offset = 0;
  for (const [name, shape] of shapes.flatMap((group) => [...group])) {
    const numel = numelOf(shape);
    const share = Math.ceil(numel / groups.length);
    const pieces = groups.flatMap((list, rank) => piecesOf(list, offset, Math.min(share, numel - rank * share)));
    stateDict.set(name, joined(name, shape, pieces));
    offset += share;
  }
}

function joined(name: string, shape: readonly number[], pieces: readonly TensorPiece[]): StoredTensor {
  const [first] = pieces;
  const found = pieces.reduce((sum, { length }) => sum + length, 0);
  if (found !== numelOf(shape) || pieces.some(({ tensor }) => tensor.dtype !== first?.tensor.dtype)) {
    throw new LtrainError(
      "checkpoint.malformed",
      `parameter "${name}" is [${shape.join(", ")}], and the ZeRO partitions hold ${found} of its ${numelOf(shape)} elements`,
      { hint: "files of a rank may be missing or of another save" },
    );
  }
  return joinedTensor(first?.tensor.dtype ?? "float32", shape, pieces);
}
