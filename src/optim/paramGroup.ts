import { LtrainError } from "../errors.js";
import type { Parameter } from "../nn/parameter.js";
import { asItems, asNumber } from "../pickle/convert.js";
import { PyFloat, PyTuple, type PyValue } from "../pickle/values.js";

/** A group as a constructor takes it: parameters and the options in which they differ. */
export type ParamGroupInit<O> = { readonly params: readonly Parameter[] } & O;

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

/** A group's options as torch keeps them: what the group says first, then what the optimizer says or torch's default. */
export function groupOptions(
  own: object,
  common: object,
  defaults: ReadonlyMap<string, PyValue>,
): Map<string, PyValue> {
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
    .filter(([name, value]: [string, unknown]) => name !== "params" && value !== undefined)
    .map(([name, value]: [string, unknown]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]);
}

/** A number becomes the int or float that its default is; a fraction is always a float. */
function toPython(name: string, value: unknown, like: PyValue): PyValue {
  if (typeof value === "number") {
    return Number.isInteger(value) && !(like instanceof PyFloat) ? value : new PyFloat(value);
  }
  if (value === null || typeof value === "boolean") return value;
  if (Array.isArray(value) && value.every((item) => typeof item === "number")) {
    return new PyTuple(value.map((item) => new PyFloat(item)));
  }
  throw new LtrainError("argument.invalid", `the optimizer's option ${name} cannot be ${JSON.stringify(value)}`);
}
