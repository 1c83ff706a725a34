import { Module } from "../nn/module.js";
import { Parameter } from "../nn/parameter.js";
import { tf } from "../tensor/tf.js";

/** Lists and objects are looked into this deep, and no further than so many items: it is done at every step. */
const MAX_DEPTH = 3;
const MAX_ITEMS = 256;

/**
 * The plain fields of a module and of all below it: numbers, strings and flags, `training` and `requiresGrad` among
 * them, in lists and objects too, and which tensors there are. A step that is captured sees them as constants.
 */
export class HostFields {
  readonly #root: Module;
  #modules: readonly (readonly [string, Module])[];
  #values: readonly unknown[] = [];
  #key = "";

  constructor(root: Module) {
    this.#root = root;
    this.#modules = root.namedModules();
  }

  /** Look for modules that have come or gone. */
  refresh(): void {
    this.#modules = this.#root.namedModules();
  }

  /** All values in one string; equal as long as the values are. */
  key(): string {
    const values = this.values();
    const known = this.#values;
    if (values.length === known.length && values.every((value, i) => Object.is(value, known[i]))) return this.#key;
    this.#values = values;
    this.#key = JSON.stringify(values, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
    return this.#key;
  }

  /** The values in a fixed order. */
  values(): unknown[] {
    const values: unknown[] = [];
    for (const [, module] of this.#modules) collect(module, values, undefined, "", 0);
    return values;
  }

  /** What each of `values` is called: "this.encoder.training". */
  names(): string[] {
    const names: string[] = [];
    for (const [path, module] of this.#modules) {
      collect(module, [], names, path === "" ? "this" : `this.${path}`, 0);
    }
    return names;
  }
}

function collect(owner: object, values: unknown[], names: string[] | undefined, path: string, depth: number): void {
  const add = (value: unknown, name: string): void => {
    values.push(value);
    names?.push(name);
  };
  let items = 0;
  for (const key in owner) {
    if (!Object.hasOwn(owner, key)) continue;
    if (items === MAX_ITEMS) break;
    items += 1;
    const value = (owner as Readonly<Record<string, unknown>>)[key];
    const name = `${path}.${key}`;
    if (typeof value !== "object" || value === null) {
      if (typeof value !== "function" && typeof value !== "symbol") add(value, name);
    } else if (value instanceof Parameter) add(value.requiresGrad, `${name}.requiresGrad`);
    else if (value instanceof tf.Tensor) add(`tensor ${value.id}`, name);
    else if (depth < MAX_DEPTH && isPlain(value)) {
      if (Array.isArray(value)) add(value.length, name);
      collect(value, values, names, name, depth + 1);
    }
  }
}

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value) as object | null;
  // Object.prototype, of whichever realm, is the one that has none itself.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
