import { LtrainError } from "../errors.js";
import type { Parameter } from "../nn/parameter.js";
import type { PyDict, PyValue } from "../pickle/values.js";
import { itemSize } from "../storage/dtype.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { float32Tensor, numelOf } from "../storage/hostTensor.js";
import { castHost } from "../tensor/cast.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { Variable } from "../tensor/variable.js";
import { cohortsOf, type Cohort } from "./cohorts.js";
import { dumpOptimizer, restoreOptimizer } from "./optimizerState.js";
import { asGroups, paramGroup, type ParamGroup, type ParamGroupInit, type Params } from "./paramGroup.js";
import type { ParamState } from "./paramState.js";

/** What the update of one parameter may use: its gradient, the cohort's numbers as 0-dim tensors, its slots. */
export interface Update {
  readonly param: Parameter;
  readonly grad: Tensor;
  readonly group: ParamGroup;
  readonly scalar: (name: string) => Tensor;
  /** Whether there is such a number in this step. */
  readonly has: (name: string) => boolean;
  /** A slot of the parameter's shape; filled with `fill` when it is new. */
  readonly slot: (name: string, fill?: number) => Variable;
}

/**
 * torch.optim.Optimizer, in two halves. Numbers that change from step to step are computed on the host, in double as
 * torch does (hostScalars before a step, afterStep after it); the update itself is tensor ops only (applyGradients), so
 * that a step can be captured as one graph whose inputs those numbers are.
 */
export abstract class Optimizer {
  readonly #groups: ParamGroup[] = [];
  /** What a group has when nobody says otherwise, under torch's names and in torch's order. */
  readonly #defaults: ReadonlyMap<string, PyValue>;
  /** The options that the constructor was given for all groups. */
  readonly #common: object;
  readonly #state = new Map<Parameter, ParamState>();
  #cohorts: readonly Cohort[] = [];
  #updated: ReadonlySet<Parameter> = new Set();

  protected constructor(params: Params<object>, options: object, defaults: ReadonlyMap<string, PyValue>) {
    this.#defaults = defaults;
    this.#common = options;
    for (const group of asGroups(params)) this.addParamGroup({ ...group });
    if (this.#groups.every(({ params: members }) => members.length === 0)) {
      throw new LtrainError("argument.invalid", "an optimizer needs parameters, it was given none");
    }
  }

  /** Complain (argument.invalid) about options that torch would refuse. */
  protected abstract check(group: ParamGroup): void;
  /** Slots that a parameter which was updated before must have, in torch's order. */
  protected abstract slotNames(group: ParamGroup): readonly string[];
  /** The numbers for the next update of a parameter in this state; also what divides parameters into cohorts. */
  protected abstract scalars(group: ParamGroup, state: Readonly<ParamState>): Readonly<Record<string, number>>;
  /** Assign the parameter and its slots; tensor ops and scalars only. */
  protected abstract update(update: Update): void;

  /** Whether the state_dict counts updates in `step`. */
  protected get countsSteps(): boolean {
    return true;
  }
  /** Numbers beside the count that a parameter starts with, under torch's names. */
  protected get freshNumbers(): Readonly<Record<string, number>> {
    return {};
  }
  /** Those numbers after an update. */
  protected nextNumbers(_group: ParamGroup, { numbers }: Readonly<ParamState>): ParamState["numbers"] {
    return numbers;
  }
  /** Updates that need the same numbers share a cohort; SGD only tells the first from the rest. */
  protected cohortOf(step: number): number {
    return step;
  }

  /** The groups, in order. */
  get paramGroups(): readonly ParamGroup[] {
    return this.#groups;
  }
  /** Bytes of the state that every parameter will have once it was updated; `each` are added for every tensor. */
  expectedBytes(each: number): number {
    let bytes = 0;
    for (const group of this.#groups) {
      const slots = this.slotNames(group).length;
      for (const { shape, dtype } of group.params) {
        bytes += slots * (numelOf(shape) * itemSize(dtype) + each) + (this.countsSteps ? each : 0);
      }
    }
    return bytes;
  }
  /** Whether torch's optimizer of this class has such an option. */
  hasOption(name: string): boolean {
    return this.#defaults.has(name);
  }

  /** torch's add_param_group: further parameters to train, from the next step on. */
  addParamGroup(init: ParamGroupInit<Readonly<Record<string, unknown>>>): void {
    const group = paramGroup(init, this.#common, this.#defaults);
    const known = this.#groups.flatMap(({ params }) => params);
    if (new Set([...known, ...group.params]).size < known.length + group.params.length) {
      throw new LtrainError("argument.invalid", "a parameter was given to the optimizer twice");
    }
    if (this.#groups.some(({ options }) => options.has("param_names") !== group.options.has("param_names"))) {
      throw new LtrainError("argument.invalid", "of an optimizer's groups some have names and others have none");
    }
    this.check(group);
    this.#groups.push(group);
  }

  /** Before a step: the numbers that it takes, by the names that applyGradients will ask for. */
  hostScalars(isUpdated: (param: Parameter) => boolean = ({ requiresGrad }) => requiresGrad): Record<string, number> {
    const keyOf = ({ step, numbers }: ParamState): string => [this.cohortOf(step), ...Object.values(numbers)].join();
    this.#cohorts = cohortsOf(this.#groups, isUpdated, (param) => this.#peek(param), keyOf);
    return Object.fromEntries(
      this.#cohorts.flatMap(({ name, group, state }) =>
        Object.entries(this.scalars(group, state)).map(([key, value]) => [`${name}.${key}`, value]),
      ),
    );
  }

  /** Within the step: assign parameters and slots. Parameters without a gradient are left alone. */
  applyGradients(grads: ReadonlyMap<Parameter, Tensor>, scalar: (name: string) => Tensor): void {
    const updated = new Set<Parameter>();
    for (const { group, state: common, name, params } of this.#cohorts) {
      const given = this.scalars(group, common);
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
            has: (key) => Object.hasOwn(given, key),
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
    for (const group of this.#groups) {
      for (const param of group.params) {
        if (!updated.has(param)) continue;
        const state = this.#stateOf(param);
        state.step += 1;
        state.numbers = this.nextNumbers(group, state);
      }
    }
  }

  /** What the host counts, to be put back by calling what is given: for a step that is only being recorded. */
  holdCounts(): () => void {
    const held = [...this.#state].map(([param, { step, numbers }]) => ({ param, step, numbers }));
    return () => {
      for (const state of this.#state.values()) Object.assign(state, { step: 0, numbers: this.freshNumbers });
      for (const { param, step, numbers } of held) Object.assign(this.#stateOf(param), { step, numbers });
    };
  }

  /** torch's `{state, param_groups}`; `read` is the Executor's. */
  stateDict(read: (variable: Variable) => Promise<HostTensor>): Promise<PyDict> {
    return dumpOptimizer(this.#groups, this.#state, this.#shape, read);
  }

  /**
   * Take over torch's `{state, param_groups}`: options and state are replaced, parameters are matched by position.
   * Everything is compared before anything changes; groups, counts and shapes that differ are checkpoint.mismatch.
   */
  async loadStateDict(state: PyDict, write: (variable: Variable, value: HostTensor) => void): Promise<void> {
    const restored = await restoreOptimizer(state, this.#groups, this.#shape);
    this.#groups.forEach((group, i) => {
      group.options = restored.options[i] ?? group.options;
    });
    const before = new Map(this.#state);
    this.#state.clear();
    for (const { param, step, numbers, slots } of restored.states) {
      const old = before.get(param)?.slots ?? new Map<string, Variable>();
      const variables = [...slots].map(([name, value]): [string, Variable] => {
        const variable = old.get(name);
        if (variable === undefined) return [name, new Variable(value)];
        write(variable, value);
        return [name, variable];
      });
      this.#state.set(param, { step, numbers: { ...this.freshNumbers, ...numbers }, slots: new Map(variables) });
    }
  }

  /** Make a slot before the first update, for what torch has from construction on. */
  protected startSlot(param: Parameter, name: string, fill: number): void {
    slotOf(this.#stateOf(param), param, name, fill);
  }

  get #shape(): Parameters<typeof restoreOptimizer>[2] {
    return {
      name: this.constructor.name,
      countsSteps: this.countsSteps,
      defaults: this.#defaults,
      numberNames: Object.keys(this.freshNumbers),
      slotNames: (group) => this.slotNames(group),
      hasStateFromStart: this.hasStateFromStart,
    };
  }

  /** Whether torch keeps a parameter's state before its first update. */
  protected get hasStateFromStart(): boolean {
    return false;
  }

  #peek(param: Parameter): ParamState {
    return this.#state.get(param) ?? { step: 0, numbers: this.freshNumbers, slots: new Map() };
  }

  #stateOf(param: Parameter): ParamState {
    const state = this.#peek(param);
    this.#state.set(param, state);
    return state;
  }
}

function slotOf(state: ParamState, param: Parameter, name: string, fill: number): Variable {
  const known = state.slots.get(name);
  if (known !== undefined) return known;
  const initial = float32Tensor(new Float32Array(numelOf(param.shape)).fill(fill), param.shape);
  const fresh = new Variable(castHost(initial, param.dtype));
  state.slots.set(name, fresh);
  return fresh;
}
