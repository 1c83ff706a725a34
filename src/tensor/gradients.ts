import type { Tensor } from "./tf.js";
import { tf } from "./tf.js";
import type { Variable } from "./variable.js";

/** What a function gave, and its derivative with respect to each variable; null where the value does not depend on it. */
export interface ValueAndGrads {
  readonly value: Tensor;
  readonly grads: readonly (Tensor | null)[];
}

/**
 * Run `f`, whose result is a 0-dim tensor, and differentiate it. Tensors that `f` made live on in the surrounding tidy:
 * a step may log an intermediate and read it after the backward pass, while tfjs alone would have disposed it.
 */
export function valueAndGrads(f: () => Tensor, variables: readonly Variable[]): ValueAndGrads {
  if (variables.length === 0) return { value: f(), grads: [] };
  const engine = tf.engine();
  const leaves = variables.map((variable) => variable.value);
  const forward = (): Tensor => {
    const value = f();
    const [parent, scope] = engine.state.scopeStack.slice(-2);
    if (parent !== undefined && scope !== undefined) {
      for (const tensor of scope.track.splice(0)) {
        tensor.scopeId = parent.id;
        parent.track.push(tensor);
      }
    }
    return value;
  };
  const result = engine.gradients(forward, leaves, undefined, true);
  const grads = result.grads as readonly (Tensor | null | undefined)[];
  return { value: result.value, grads: grads.map((grad) => grad ?? null) };
}

/**
 * A record of what is computed from now on, which can be differentiated more than once, until `end`. Tensors that it
 * needs live on in it; gradients are the surrounding tidy's.
 */
export class GradientTape {
  constructor() {
    const { state } = tf.engine();
    state.activeTape = [];
    state.gradientDepth += 1;
  }

  /** The derivative of a 0-dim tensor with respect to each of the tensors; null where it does not depend on it. */
  gradients(of: Tensor, leaves: readonly Tensor[]): (Tensor | null)[] {
    if (leaves.length === 0) return [];
    const engine = tf.engine();
    const { length } = engine.state.activeTape;
    const { grads } = engine.gradients(() => of, [...leaves], undefined, true);
    // The way back is on the tape too: nobody differentiates it.
    for (const node of engine.state.activeTape.splice(length)) giveBack(node);
    return (grads as readonly (Tensor | null | undefined)[]).map((grad) => grad ?? null);
  }

  /** Nothing is recorded any more, and what was is given back. */
  end(): void {
    const { state } = tf.engine();
    state.gradientDepth -= 1;
    for (const node of state.activeTape.splice(0)) giveBack(node);
  }
}

function giveBack({ saved }: { readonly saved?: readonly Tensor[] }): void {
  for (const tensor of saved ?? []) tensor.dispose();
}

/** Compute without being differentiated: what `body` gives is a constant for every gradient, as under torch.no_grad. */
export function noGrad<T>(body: () => T): T {
  const { state } = tf.engine();
  const depth = state.gradientDepth;
  state.gradientDepth = 0;
  try {
    return body();
  } finally {
    state.gradientDepth = depth;
  }
}

/** The same values as a constant: torch's detach. */
export function detach(tensor: Tensor): Tensor {
  return noGrad(() => tensor.clone());
}
