import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { Callback } from "../core/callback.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { FitLoopState, Stage, TrainerState } from "../core/trainerState.js";
import { LtrainError } from "../errors.js";
import { BatchNorm } from "../nn/batchNorm.js";
import type { Parameter } from "../nn/parameter.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { ParamGroup } from "../optim/paramGroup.js";
import { asItems } from "../pickle/convert.js";
import { PyDict, type PyValue } from "../pickle/values.js";
import type { Modules, ParamFilter } from "./finetunedModules.js";
import { filterParams, flattenModules, freeze, makeTrainable, splitByOptimizer } from "./finetunedModules.js";

/** How modules join the training. */
export interface UnfreezeOptions {
  /** Their learning rate; without it that of the first group, divided by initialDenomLr. */
  readonly lr?: number | null;
  readonly initialDenomLr?: number;
  /** false: batch norms are unfrozen, and not given to the optimizer. */
  readonly trainBn?: boolean;
}

/** Where ltrain's entry of a checkpoint says which parameters were trained. */
const TRAINED = "trained_parameters";

/**
 * Freezes modules before training and unfreezes them on the way: Lightning's BaseFinetuning, to be extended. What it
 * added to the optimizers is in the checkpoint, so that a run goes on with it.
 */
export abstract class BaseFinetuning extends Callback {
  /** Optimizers' groups as they were when they came, with the names of their parameters. */
  #metadata = new PyDict();
  /** How many groups each optimizer had from configureOptimizers, where a checkpoint adds to them. */
  readonly #given = new Map<PyValue, number>();
  #trained: ReadonlySet<string> | null = null;

  /** Freeze what is not to be trained from the start: BaseFinetuning.freeze. */
  abstract freezeBeforeTraining(module: LightningModule): void;
  /** Called for every optimizer when an epoch begins: BaseFinetuning.unfreezeAndAddParamGroup. */
  abstract finetuneFunction(module: LightningModule, epoch: number, optimizer: Optimizer): void;

  /** Modules without children, and those with parameters of their own. */
  static flattenModules(modules: Modules): ReturnType<typeof flattenModules> {
    return flattenModules(modules);
  }
  /** The parameters of some modules that a filter lets pass. */
  static filterParams(modules: Modules, filter: ParamFilter = {}): readonly Parameter[] {
    return filterParams(modules, filter);
  }
  /** Unfreeze some modules. */
  static makeTrainable(modules: Modules): void {
    makeTrainable(modules);
  }
  /** Freeze some modules; batch norms stay trained unless `trainBn` is false. */
  static freeze(modules: Modules, options: Pick<ParamFilter, "trainBn"> = {}): void {
    freeze(modules, options);
  }
  /**
   * Unfreeze some modules, and give the optimizer those of their parameters that it does not have, as a group of their
   * own; gives those that it had.
   */
  static unfreezeAndAddParamGroup(
    modules: Modules,
    optimizer: Optimizer,
    { lr = null, initialDenomLr = 10, trainBn = true }: UnfreezeOptions = {},
  ): readonly Parameter[] {
    makeTrainable(modules);
    const { fresh, known } = splitByOptimizer(optimizer, filterParams(modules, { trainBn, requiresGrad: true }));
    const first = optimizer.paramGroups[0]?.lr ?? Number.NaN;
    if (fresh.length > 0) optimizer.addParamGroup({ params: fresh, lr: lr ?? first / initialDenomLr });
    return known;
  }

  override stateDict(): PyDict {
    return PyDict.from({ internal_optimizer_metadata: this.#metadata });
  }
  override loadStateDict(state: PyDict): void {
    this.#metadata = metadataOf(state);
  }

  /** The optimizers get the groups that they had when the checkpoint was written. */
  override prepareRestore({ optimizers }: FitLoopState, module: LightningModule, state: PyDict): void {
    const named = new Map(module.namedParameters());
    for (const [index, optimizer] of optimizers.entries()) {
      const groups = asItems(metadataOf(state).get(index)) ?? [];
      this.#given.set(index, optimizer.paramGroups.length);
      for (const group of groups.slice(optimizer.paramGroups.length)) {
        if (group instanceof PyDict) addGroup(optimizer, group, named, this.stateKey);
      }
    }
  }

  override setup(_trainer: TrainerState, module: LightningModule, stage: Stage): void {
    if (stage !== "fit") return;
    this.#metadata = new PyDict();
    this.#trained = null;
    this.freezeBeforeTraining(module);
  }

  override onSaveCheckpoint(_trainer: TrainerState, module: LightningModule, { ltrain }: Checkpoint): void {
    const trained = module.namedParameters().flatMap(([name, { requiresGrad }]) => (requiresGrad ? [name] : []));
    ltrain?.set(TRAINED, trained);
  }
  override onLoadCheckpoint(_trainer: TrainerState, _module: LightningModule, { ltrain }: Checkpoint): void {
    const names = asItems(ltrain?.get(TRAINED));
    this.#trained = names === undefined ? null : new Set(names.filter((name) => typeof name === "string"));
  }

  /** Lightning leaves frozen what was unfrozen before a resume; here it is trained on. */
  override onFitStart(trainer: TrainerState, module: LightningModule): void {
    if (trainer.ckptPath === null || this.#metadata.size === 0) return;
    const before = this.trainedBefore(module);
    for (const [name, parameter] of module.namedParameters()) {
      parameter.requiresGrad = this.#trained?.has(name) ?? (parameter.requiresGrad || before.has(name));
    }
    for (const [, part] of module.namedModules()) {
      if (part instanceof BatchNorm && part.parameters().some(({ requiresGrad }) => requiresGrad)) {
        part.trackRunningStats = true;
      }
    }
  }

  /** Where the file does not say it, as Lightning's: names of parameters that had come to be trained. */
  protected trainedBefore(module: LightningModule): ReadonlySet<string> {
    const added = [...this.#metadata].flatMap(([index, groups]) =>
      (asItems(groups) ?? []).slice(this.#given.get(index) ?? 0).filter((group) => group instanceof PyDict),
    );
    const names = new Set(added.flatMap((group) => asItems(group.get("params")) ?? []));
    return new Set(module.namedParameters().flatMap(([name]) => (names.has(name) ? [name] : [])));
  }

  override onTrainEpochStart(trainer: TrainerState, module: LightningModule): void {
    const names = new Map(module.namedParameters().map(([name, parameter]) => [parameter, name]));
    for (const [index, optimizer] of trainer.optimizers.entries()) {
      const before = optimizer.paramGroups.length;
      this.finetuneFunction(module, trainer.currentEpoch, optimizer);
      const stored = asItems(this.#metadata.get(index));
      const later = stored === undefined ? optimizer.paramGroups : optimizer.paramGroups.slice(before);
      if (stored === undefined || later.length > 0) {
        this.#metadata.set(index, [...(stored ?? []), ...later.map((group) => describe(group, names))]);
      }
    }
  }
}

/** Files of before Lightning 1.7 have the metadata itself as the state. */
function metadataOf(state: PyDict): PyDict {
  const metadata = state.get("internal_optimizer_metadata");
  if (metadata instanceof PyDict) return new PyDict(metadata);
  return new PyDict([...state].filter(([key]) => typeof key === "number"));
}

/** A group's options of this moment, with the names of its parameters. */
function describe({ options, params }: ParamGroup, names: ReadonlyMap<Parameter, string>): PyDict {
  return new PyDict(options).set(
    "params",
    params.map((parameter) => names.get(parameter) ?? null),
  );
}

function addGroup(optimizer: Optimizer, group: PyDict, named: ReadonlyMap<string, Parameter>, key: string): void {
  const names = (asItems(group.get("params")) ?? []).filter((name) => typeof name === "string");
  const params = names.map((name) => {
    const parameter = named.get(name);
    if (parameter !== undefined) return parameter;
    throw new LtrainError("checkpoint.mismatch", `${key} trained ${name}, which the module does not have`, {
      hint: "was the checkpoint written with another model?",
    });
  });
  optimizer.addParamGroup({ params });
  const added = optimizer.paramGroups.at(-1);
  const options = [...group].filter((entry): entry is [string, PyValue] => typeof entry[0] === "string");
  if (added !== undefined) added.options = new Map(options.filter(([name]) => name !== "params"));
}
