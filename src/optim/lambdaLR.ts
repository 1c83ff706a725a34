import { PyDict, type PyValue } from "../pickle/values.js";
import { GroupSchedule, perGroup, type LastEpoch } from "./lrScheduler.js";
import type { Optimizer } from "./optimizer.js";
import type { ParamGroup } from "./paramGroup.js";

/** A factor that has a state: what torch keeps of a callable object, its `__dict__`. */
export interface StatefulFactor {
  factor(epoch: number): number;
  stateDict(): PyDict;
  loadStateDict(state: PyDict): void;
}

/** The factor of a learning rate, by the epochs or steps gone by. */
export type LrLambda = ((epoch: number) => number) | StatefulFactor;

/** The options of LambdaLR and MultiplicativeLR. */
export interface LambdaLROptions extends LastEpoch {
  /** One for all groups, or a list with one for each. */
  readonly lrLambda: LrLambda | readonly LrLambda[];
}

abstract class LambdaSchedule extends GroupSchedule {
  readonly #lambdas: readonly LrLambda[];
  /** What a file had for factors that are plain functions here. */
  #kept: readonly PyValue[] = [];

  protected constructor(name: string, optimizer: Optimizer, options: LambdaLROptions) {
    super(optimizer, []);
    this.#lambdas = perGroup(name, "lrLambda", optimizer, options.lrLambda);
    this.begin(options);
  }

  protected factor(index: number): number {
    const lambda = this.#lambdas[index];
    if (lambda === undefined) throw new RangeError(`group ${index} was added after the schedule and has no lrLambda`);
    return typeof lambda === "function" ? lambda(this.lastEpoch) : lambda.factor(this.lastEpoch);
  }

  /** A function has no state: None stands for it, and whoever loads the file brings his own. */
  override stateDict(): PyDict {
    const states = this.#lambdas.map((lambda, i) =>
      typeof lambda === "function" ? (this.#kept[i] ?? null) : lambda.stateDict(),
    );
    return super.stateDict().set("lr_lambdas", states);
  }
  override loadStateDict(state: PyDict): void {
    const own = new PyDict(state);
    const lambdas = own.get("lr_lambdas");
    own.delete("lr_lambdas");
    super.loadStateDict(own);
    this.#kept = Array.isArray(lambdas) ? lambdas : [];
    this.#lambdas.forEach((lambda, i) => {
      const kept = this.#kept[i];
      if (typeof lambda !== "function" && kept instanceof PyDict) lambda.loadStateDict(kept);
    });
  }
}

/** torch.optim.lr_scheduler.LambdaLR: the first learning rate times a factor. */
export class LambdaLR extends LambdaSchedule {
  constructor(optimizer: Optimizer, options: LambdaLROptions) {
    super("LambdaLR", optimizer, options);
  }

  protected override nextLr(_group: ParamGroup, base: number, index: number): number {
    return base * this.factor(index);
  }
}

/** torch.optim.lr_scheduler.MultiplicativeLR: the learning rate before, times a factor. */
export class MultiplicativeLR extends LambdaSchedule {
  constructor(optimizer: Optimizer, options: LambdaLROptions) {
    super("MultiplicativeLR", optimizer, options);
  }

  protected override nextLr({ lr }: ParamGroup, _base: number, index: number): number | null {
    return this.isInitial ? null : lr * this.factor(index);
  }
}
