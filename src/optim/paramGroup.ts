import { LtrainError } from "../errors.js";
import type { Parameter } from "../nn/parameter.js";
import { asItems, asNumber } from "../pickle/convert.js";
import { PyFloat, PyTuple, type PyValue } from "../pickle/values.js";
import { Variable } from "../tensor/variable.js";

/** Parameters as an optimizer takes them: bare, or with their names, which then stand in the checkpoint. */
export type ParamList = readonly Parameter[] | readonly (readonly [string, Parameter])[];

/** A group as a constructor takes it: parameters and the options in which they differ. */
export type ParamGroupInit<O> = {
  readonly params: ParamList;
  /** The rate that a schedule which is given `lastEpoch` began with. */
  readonly initialLr?: number;
} & O;

/** What an optimizer is made for: parameters, or groups of them. */
export type Params<O> = ParamList | readonly ParamGroupInit<O>[];

/** Parameters that share their options: one entry of torch's `param_groups`. */
export class ParamGroup {
  readonly params: readonly Parameter[];
  /** Under torch's names, in torch's order, with Python's types; what was loaded keeps its type. */
  options: Map<string, PyValue>;

  constructor(params: readonly Parameter[], options: Map<string, PyValue>) {
    this.params = params;
    this.options = options;
  }

  /** The learning rate. */
  get lr(): number {
    return this.number("lr");
  }
  set lr(lr: number) {
    if (lr !== this.lr) this.options.set("lr", new PyFloat(lr));
  }

  /** A number among the options. */
  number(name: string): number {
    return this.#checked(name, asNumber(this.options.get(name)));
  }
  /** A pair of numbers among the options: `betas`. */
  pair(name: string): [number, number] {
    const [first, second] = asItems(this.options.get(name)) ?? [];
    return [this.#checked(name, asNumber(first)), this.#checked(name, asNumber(second))];
  }
  /** A flag among the options; None is false. */
  flag(name: string): boolean {
    const value = this.options.get(name);
    return value === true || (asNumber(value) ?? 0) !== 0;
  }
  /** The momentum that a schedule cycles: `momentum`, or the first of `betas`. */
  setMomentum(momentum: PyValue): void {
    const betas = asItems(this.options.get("betas"));
    if (betas === undefined) this.options.set("momentum", momentum);
    else this.options.set("betas", new PyTuple([momentum, ...betas.slice(1)]));
  }

  #checked(name: string, value: number | undefined): number {
    if (value === undefined) {
      throw new LtrainError(
        "checkpoint.mismatch",
        `the optimizer's option "${name}" is not what it should be: a number`,
      );
    }
    return value;
  }
}

/** What a constructor was given, as groups. */
export function asGroups(params: Params<object>): readonly ParamGroupInit<object>[] {
  const items = params as readonly (Parameter | readonly [string, Parameter] | ParamGroupInit<object>)[];
  const groups = items.filter(
    (item): item is ParamGroupInit<object> => !(item instanceof Variable) && !Array.isArray(item),
  );
  return groups.length > 0 ? groups : [{ params: params as ParamList }];
}

/** A group in torch's form: its own options, the parameters' names, what the optimizer says, torch's defaults. */
export function paramGroup(
  init: ParamGroupInit<object>,
  common: object,
  defaults: ReadonlyMap<string, PyValue>,
): ParamGroup {
  const { params, ...own } = init;
  const items: readonly (Parameter | readonly [string, Parameter])[] = params;
  const named = items.filter((item): item is readonly [string, Parameter] => Array.isArray(item));
  if (named.length > 0 && named.length < items.length) {
    throw new LtrainError("argument.invalid", "of an optimizer's parameters some have names and others have none");
  }
  const bare = items.map((item) => (item instanceof Variable ? item : item[1]));
  const names = named.length > 0 ? { param_names: named.map(([name]) => name) } : {};
  return new ParamGroup(bare, groupOptions({ ...own, ...names }, common, defaults));
}

/** A group's options as torch keeps them: what the group says first, then what the optimizer says or torch's default. */
function groupOptions(own: object, common: object, defaults: ReadonlyMap<string, PyValue>): Map<string, PyValue> {
  const first = torchEntries(own);
  const given = new Map([...torchEntries(common), ...first]);
  const order = [...first.map(([name]) => name), ...defaults.keys()];
  return new Map(
    order.map((name) => {
      const value = given.get(name);
      const standard = defaults.get(name) ?? null;
      return [name, value === undefined ? standard : toPython(name, value, standard)];
    }),
  );
}

/** What was given, under torch's names: weightDecay is weight_decay there. */
function torchEntries(options: object): [string, unknown][] {
  return Object.entries(options)
    .filter(([, value]: [string, unknown]) => value !== undefined)
    .map(([name, value]: [string, unknown]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]);
}

/** A number becomes the int or float that its default is; a fraction is always a float. */
function toPython(name: string, value: unknown, like: PyValue): PyValue {
  if (typeof value === "number") {
    return Number.isInteger(value) && !(like instanceof PyFloat) ? value : new PyFloat(value);
  }
  if (value === null || typeof value === "boolean" || name === "name") return value as PyValue;
  if (Array.isArray(value) && value.every((item) => typeof item === "number")) {
    return new PyTuple(value.map((item) => new PyFloat(item)));
  }
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw new LtrainError("argument.invalid", `the optimizer's option ${name} cannot be ${JSON.stringify(value)}`);
}
