import type { HostTensor } from "../storage/hostTensor.js";
import type { Tensor } from "../tensor/tf.js";
import type { Variable } from "../tensor/variable.js";
import { loadState, type IncompatibleKeys } from "./loadState.js";
import { Buffer, Parameter } from "./parameter.js";

/** Anything a Sequential can hold: a module with one tensor in and one out. */
export interface Layer {
  forward(x: Tensor): Tensor;
}

/** Sets a Variable from the host: an Executor's `write`. */
export type WriteVariable = (variable: Variable, value: HostTensor) => void;

/** How loadState treats names that do not match. */
export interface LoadStateOptions {
  /** False: missing and unexpected names are let pass, as torch's `strict=False`; shapes must agree all the same. */
  readonly strict?: boolean;
}

/**
 * torch.nn.Module. Its parameters, buffers and children are its fields, in the order in which they were first set, which
 * is torch's order of registration; private `#fields` and plain arrays are not seen (ModuleList and Sequential are).
 */
export abstract class Module {
  /** Whether the module is being trained: dropout and the like look here. */
  training = true;

  /** The version torch writes into a state_dict's `_metadata`; layers that changed their format override it. */
  get stateVersion(): number {
    return 1;
  }

  /** Fields that may hold parameters, buffers and children; containers name theirs. */
  protected members(): Iterable<readonly [string, unknown]> {
    return Object.entries(this);
  }

  /** Direct children, in order. */
  namedChildren(): [string, Module][] {
    return [...this.members()].filter((entry): entry is [string, Module] => entry[1] instanceof Module);
  }

  /** This module under "", then all below it, depth first; each once, under its first name. */
  namedModules(): [string, Module][] {
    return firstOfEach(this.#walk(""));
  }

  /** Parameters by name in torch's order; a tied one only under its first name. */
  namedParameters(): [string, Parameter][] {
    return firstOfEach(
      this.#variables().filter((entry): entry is [string, Parameter] => entry[1] instanceof Parameter),
    );
  }

  /** Parameters in torch's order, each once: what an optimizer takes. */
  parameters(): Parameter[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** What a state_dict holds: parameters and persistent buffers by name; a tied one under each of its names. */
  state(): Map<string, Parameter | Buffer> {
    return new Map(this.#variables().filter(([, variable]) => variable instanceof Parameter || variable.persistent));
  }

  /** Module paths ("" for this one) and their state_dict versions: torch's `_metadata`. */
  stateVersions(): Map<string, number> {
    return new Map(this.#walk("").map(([path, module]) => [path, module.stateVersion]));
  }

  /**
   * Take the values of a state_dict. Everything is compared before anything is written; names and shapes that do not
   * fit are checkpoint.mismatch, all of them in one message; gives the names that were let pass, as torch's
   * load_state_dict does.
   */
  loadState(
    entries: ReadonlyMap<string, HostTensor>,
    write: WriteVariable,
    options: LoadStateOptions = {},
  ): IncompatibleKeys {
    return loadState(this.constructor.name, this.state(), entries, write, options.strict ?? true);
  }

  /** Training mode for this module and all below it. */
  train(mode = true): this {
    for (const [, module] of this.#walk("")) module.training = mode;
    return this;
  }
  /** Evaluation mode: `train(false)`. */
  eval(): this {
    return this.train(false);
  }

  #walk(path: string): [string, Module][] {
    const below = path === "" ? "" : `${path}.`;
    return [[path, this], ...this.namedChildren().flatMap(([name, child]) => child.#walk(below + name))];
  }

  /** Parameters of a module first, then its buffers, then its children, as torch's state_dict goes. */
  #variables(): [string, Parameter | Buffer][] {
    return this.#walk("").flatMap(([path, module]) => {
      const below = path === "" ? "" : `${path}.`;
      const own = [...module.members()].flatMap(([name, value]): [string, Parameter | Buffer][] =>
        value instanceof Parameter || value instanceof Buffer ? [[below + name, value]] : [],
      );
      const isParameter = ([, value]: [string, Parameter | Buffer]): boolean => value instanceof Parameter;
      return [...own.filter(isParameter), ...own.filter((entry) => !isParameter(entry))];
    });
  }
}

/** Entries without those whose value came before under another name. */
function firstOfEach<T>(entries: readonly [string, T][]): [string, T][] {
  const seen = new Set<T>();
  return entries.filter(([, value]) => {
    const first = !seen.has(value);
    seen.add(value);
    return first;
  });
}
