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
