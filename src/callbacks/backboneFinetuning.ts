import type { LightningModule } from "../core/lightningModule.js";
import type { TrainerState } from "../core/trainerState.js";
import { LtrainError } from "../errors.js";
import { Module } from "../nn/module.js";
import type { Optimizer } from "../optim/optimizer.js";
import { asNumber, float } from "../pickle/convert.js";
import type { PyDict } from "../pickle/values.js";
import { BaseFinetuning } from "./baseFinetuning.js";

/** When the backbone is unfrozen, and its learning rate from then on; names and defaults are Lightning's. */
export interface BackboneFinetuningOptions {
  readonly unfreezeBackboneAtEpoch?: number;
  /** What the backbone's rate is multiplied by in an epoch; 2 without it. It is given the epoch, counted from 1. */
  readonly lambdaFunc?: ((epoch: number) => number) | null;
  /** The first rate of the backbone, as a part of the first group's. */
  readonly backboneInitialRatioLr?: number;
  /** The first rate of the backbone itself. */
  readonly backboneInitialLr?: number | null;
  /** Whether the backbone's rate stays at the first group's once it has come there. */
  readonly shouldAlign?: boolean;
  readonly initialDenomLr?: number;
  /** false: the backbone's batch norms are not given to the optimizer. */
  readonly trainBn?: boolean;
  /** Whether both rates are told in every epoch, rounded to so many decimals. */
  readonly verbose?: boolean;
  readonly rounding?: number;
}

/** Trains a module's head first and its `backbone` from an epoch on: Lightning's BackboneFinetuning. */
export class BackboneFinetuning extends BaseFinetuning {
  readonly #options: Required<BackboneFinetuningOptions> & { readonly lambdaFunc: (epoch: number) => number };
  #previousLr: number | null = null;
  #tell: (message: string) => void = () => undefined;

  constructor(options: BackboneFinetuningOptions = {}) {
    super();
    this.#options = {
      unfreezeBackboneAtEpoch: 10,
      backboneInitialRatioLr: 0.1,
      backboneInitialLr: null,
      shouldAlign: true,
      initialDenomLr: 10,
      trainBn: true,
      verbose: false,
      rounding: 12,
      ...options,
      lambdaFunc: options.lambdaFunc ?? ((): number => 2),
    };
  }

  override stateDict(): PyDict {
    const lr = this.#previousLr;
    return super.stateDict().set("previous_backbone_lr", lr === null ? null : float(lr));
  }
  override loadStateDict(state: PyDict): void {
    super.loadStateDict(state);
    this.#previousLr = asNumber(state.get("previous_backbone_lr")) ?? null;
  }

  override onTrainEpochStart(trainer: TrainerState, module: LightningModule): void {
    this.#tell = (message) => {
      trainer.warn(`epoch ${trainer.currentEpoch}: ${message}`);
    };
    super.onTrainEpochStart(trainer, module);
  }

  override freezeBeforeTraining(module: LightningModule): void {
    BaseFinetuning.freeze(backboneOf(module));
  }

  override finetuneFunction(module: LightningModule, epoch: number, optimizer: Optimizer): void {
    const { unfreezeBackboneAtEpoch: start, backboneInitialLr, backboneInitialRatioLr } = this.#options;
    const current = optimizer.paramGroups[0]?.lr ?? Number.NaN;
    if (epoch === start) {
      const lr = backboneInitialLr ?? current * backboneInitialRatioLr;
      this.#unfreeze(module, optimizer, lr);
      this.#report(current, lr);
    } else if (epoch > start) {
      const { lambdaFunc, shouldAlign } = this.#options;
      const next = lambdaFunc(epoch + 1) * (this.#previousLr ?? Number.NaN);
      const lr = shouldAlign && next > current ? current : next;
      const last = optimizer.paramGroups.at(-1);
      if (last !== undefined) last.lr = lr;
      this.#previousLr = lr;
      this.#report(current, lr);
    }
  }

  protected override trainedBefore(module: LightningModule): ReadonlySet<string> {
    const names = super.trainedBefore(module);
    if (this.#previousLr === null) return names;
    const backbone = new Set(backboneOf(module).parameters());
    const own = module.namedParameters().filter(([, parameter]) => backbone.has(parameter));
    return new Set([...names, ...own.map(([name]) => name)]);
  }

  #unfreeze(module: LightningModule, optimizer: Optimizer, lr: number): void {
    const { initialDenomLr, trainBn } = this.#options;
    this.#previousLr = lr;
    const options = { lr, initialDenomLr, trainBn };
    const known = BaseFinetuning.unfreezeAndAddParamGroup(backboneOf(module), optimizer, options);
    if (known.length === 0) return;
    this.#tell(
      `${known.length} parameters of the backbone are in the optimizer already and stay in their groups; give ` +
        "configureOptimizers only those that are trained from the start",
    );
  }

  #report(current: number, backbone: number): void {
    const { verbose, rounding } = this.#options;
    const round = (lr: number): number => Number(lr.toFixed(rounding));
    if (verbose) this.#tell(`Current lr: ${round(current)}, Backbone lr: ${round(backbone)}`);
  }
}

function backboneOf(module: LightningModule): Module {
  const backbone: unknown = Reflect.get(module, "backbone");
  if (backbone instanceof Module) return backbone;
  throw new LtrainError("user.failed", `BackboneFinetuning: ${module.constructor.name} has no module called backbone`, {
    hint: "call what is frozen at first `backbone`, or extend BaseFinetuning",
  });
}
