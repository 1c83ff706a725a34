import { LtrainError } from "../errors.js";
import type { Parameter } from "../nn/parameter.js";
import type { PyDict, PyValue } from "../pickle/values.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { float32Tensor, numelOf } from "../storage/hostTensor.js";
import { castHost } from "../tensor/cast.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { Variable } from "../tensor/variable.js";
import { dumpOptimizer, restoreOptimizer } from "./optimizerState.js";
import type { ParamState } from "./paramState.js";
import { groupOptions, ParamGroup, type ParamGroupInit } from "./paramGroup.js";

/** Parameters of one group that have been updated equally often, so that one set of numbers serves them all. */
export interface Cohort {
  readonly group: ParamGroup;
  /** Updates before this one. */
  readonly step: number;
  /** Says which parameters these are: a step captured for other cohorts asks for other inputs, and is captured anew. */
  readonly name: string;
  readonly params: Parameter[];
}

/** What the update of one parameter may use: its gradient, the cohort's numbers as 0-dim tensors, its slots. */
export interface Update {
  readonly param: Parameter;
  readonly grad: Tensor;
  readonly group: ParamGroup;
  readonly scalar: (name: string) => Tensor;
  /** A slot of the parameter's shape; filled with `fill` when it is new. */
  readonly slot: (name: string, fill?: number) => Variable;
}

/**
 * torch.optim.Optimizer, in two halves. Numbers that change from step to step are computed on the host, in double as
 * torch does (hostScalars before a step, afterStep after it); the update itself is tensor ops only (applyGradients), so
 * that a step can be captured as one graph whose inputs those numbers are.
 */
export abstract class Optimizer {
  readonly paramGroups: readonly ParamGroup[];
  /** What a group has when nobody says otherwise, under torch's names and in torch's order. */
  readonly #defaults: ReadonlyMap<string, PyValue>;
  readonly #state = new Map<Parameter, ParamState>();
  #cohorts: readonly Cohort[] = [];
  #updated: ReadonlySet<Parameter> = new Set();

  protected constructor(
    params: readonly Parameter[] | readonly ParamGroupInit<object>[],
    options: object,
    defaults: ReadonlyMap<string, PyValue>,
  ) {
    this.#defaults = defaults;
    this.paramGroups = asGroups(params).map(
      (group) => new ParamGroup(group.params, groupOptions(group, options, defaults)),
    );
    this.#refuseNonsense();
    for (const group of this.paramGroups) this.check(group);
  }

  /** Complain (argument.invalid) about options that torch would refuse. */
  protected abstract check(group: ParamGroup): void;
  /** Slots that a parameter which was updated before must have. */
  protected abstract slotNames(group: ParamGroup): readonly string[];
  /** Whether the state_dict counts updates in `step`. */
  protected abstract get countsSteps(): boolean;
  /** The numbers for the update after `step` updates; also what divides parameters into cohorts. */
  protected abstract scalars(group: ParamGroup, step: number): Readonly<Record<string, number>>;
  /** Assign the parameter and its slots; tensor ops and scalars only. */
  protected abstract update(update: Update): void;
  /** Updates that need the same numbers share a cohort; SGD only tells the first from the rest. */
  protected cohortOf(step: number): number {
    return step;
  }

  /** Before a step: the numbers that it takes, by the names that applyGradients will ask for. */
  hostScalars(): Record<string, number> {
    this.#cohorts = this.#divide();
    return Object.fromEntries(
      this.#cohorts.flatMap(({ name, group, step }) =>
        Object.entries(this.scalars(group, step)).map(([key, value]) => [`${name}.${key}`, value]),
      ),
    );
  }

  /** Within the step: assign parameters and slots. Parameters without a gradient are left alone. */
  applyGradients(grads: ReadonlyMap<Parameter, Tensor>, scalar: (name: string) => Tensor): void {
    const updated = new Set<Parameter>();
    for (const { group, name, params } of this.#cohorts) {
      for (const param of params) {
        const grad = grads.get(param);
        if (grad === undefined) continue;
        const state = this.#stateOf(param);
        tf.tidy(() => {
          this.update({
            param,
            grad,
            group,
            scalar: (key) => scalar(`${name}.${key}`),
            slot: (key, fill) => slotOf(state, param, key, fill ?? 0),
          });
        });
        updated.add(param);
      }
    }
    this.#updated = updated;
  }

  /** The parameters that the step run last updates; a step captured earlier is to remember its own. */
  get updated(): ReadonlySet<Parameter> {
    return this.#updated;
  }

  /** After a step: count it, for the parameters that it updated. */
  afterStep(updated: ReadonlySet<Parameter> = this.#updated): void {
    for (const param of updated) this.#stateOf(param).step += 1;
  }

  /** torch's `{state, param_groups}`; `read` is the Executor's. */
  stateDict(read: (variable: Variable) => Promise<HostTensor>): Promise<PyDict> {
    return dumpOptimizer(this.paramGroups, this.#state, this.countsSteps, read);
  }

  /**
   * Take over torch's `{state, param_groups}`: options and state are replaced, parameters are matched by position.
   * Everything is compared before anything changes; groups, counts and shapes that differ are checkpoint.mismatch.
   */
  async loadStateDict(state: PyDict, write: (variable: Variable, value: HostTensor) => void): Promise<void> {
    const restored = await restoreOptimizer(state, this.paramGroups, {
      name: this.constructor.name,
      countsSteps: this.countsSteps,
      slotNames: (group) => this.slotNames(group),
    });
    this.paramGroups.forEach((group, i) => {
      const options = restored.options[i] ?? group.options;
      // Files of older torch lack the options that came later.
      for (const [name, value] of this.#defaults) if (!options.has(name)) options.set(name, value);
      group.options = options;
    });
    const before = new Map(this.#state);
    this.#state.clear();
    for (const { param, step, slots } of restored.states) {
      const old = before.get(param)?.slots ?? new Map<string, Variable>();
      const variables = [...slots].map(([name, value]): [string, Variable] => {
        const variable = old.get(name);
        if (variable === undefined) return [name, new Variable(value)];
        write(variable, value);
        return [name, variable];
      });
      this.#state.set(param, { step: step ?? 1, slots: new Map(variables) });
    }
  }

  #divide(): Cohort[] {
    const cohorts: Cohort[] = [];
    let index = 0;
    for (const group of this.paramGroups) {
      const byStep = new Map<number, { params: Parameter[]; indices: number[] }>();
      for (const param of group.params) {
        const key = this.cohortOf(this.#state.get(param)?.step ?? 0);
        const members = byStep.get(key) ?? { params: [], indices: [] };
        if (param.requiresGrad) {
          members.params.push(param);
          members.indices.push(index);
          byStep.set(key, members);
        }
        index += 1;
      }
      for (const [step, { params, indices }] of byStep) cohorts.push({ group, step, params, name: ranges(indices) });
    }
    return cohorts;
  }

  #stateOf(param: Parameter): ParamState {
    const known = this.#state.get(param);
    if (known !== undefined) return known;
    const fresh: ParamState = { step: 0, slots: new Map() };
    this.#state.set(param, fresh);
    return fresh;
  }

  #refuseNonsense(): void {
    const all = this.paramGroups.flatMap(({ params }) => params);
    if (all.length === 0) throw new LtrainError("argument.invalid", "an optimizer needs parameters, it was given none");
    if (new Set(all).size < all.length) {
      throw new LtrainError("argument.invalid", "a parameter was given to the optimizer twice");
    }
  }
}

function asGroups(params: readonly Parameter[] | readonly ParamGroupInit<object>[]): readonly ParamGroupInit<object>[] {
  const isGroup = (item: Parameter | ParamGroupInit<object>): item is ParamGroupInit<object> =>
    !(item instanceof Variable);
  const groups = (params as readonly (Parameter | ParamGroupInit<object>)[]).filter(isGroup);
  return groups.length > 0 ? groups : [{ params: params as readonly Parameter[] }];
}

function slotOf(state: ParamState, param: Parameter, name: string, fill: number): Variable {
  const known = state.slots.get(name);
  if (known !== undefined) return known;
  const initial = float32Tensor(new Float32Array(numelOf(param.shape)).fill(fill), param.shape);
  const fresh = new Variable(castHost(initial, param.dtype));
  state.slots.set(name, fresh);
  return fresh;
}

/** [0, 1, 2, 5] as "0-2,5". */
function ranges(indices: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const index of indices) {
    const last = runs.at(-1);
    if (last?.[1] === index - 1) last[1] = index;
    else runs.push([index, index]);
  }
  return runs.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(",");
}
