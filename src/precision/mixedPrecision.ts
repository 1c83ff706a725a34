import type { Tensor } from "../tensor/tf.js";
import { tf } from "../tensor/tf.js";
import { holdAssignments } from "../tensor/variable.js";
import { GradScaler } from "./gradScaler.js";
import type { Precision, StepInputs } from "./precision.js";
import { FULL_PRECISION, PRECISION_OUTPUT } from "./precision.js";

const SCALE = `${PRECISION_OUTPUT}scale`;
const INVERSE_SCALE = `${PRECISION_OUTPUT}inverse_scale`;
const FOUND_INF = `${PRECISION_OUTPUT}found_inf`;

/** Keys that this state has had through Lightning's versions: plugins were renamed, and before 1.6 there was none. */
const KEYS = ["MixedPrecision", "MixedPrecisionPlugin", "NativeMixedPrecisionPlugin", "native_amp_scaling_state"];

/** bf16-mixed: products in bfloat16, which reaches as far as float32 does, so no loss is scaled and there is no state. */
export const BFLOAT16_MIXED: Precision = {
  ...FULL_PRECISION,
  name: "bf16-mixed",
  stateKey: "MixedPrecision",
  autocast: "bfloat16",
};

/** 16-mixed: products in float16, and a loss scaled so that small gradients are not lost in it. */
export function float16Mixed(scaler: GradScaler = new GradScaler()): Precision {
  return {
    ...FULL_PRECISION,
    name: "16-mixed",
    stateKey: "MixedPrecision",
    autocast: "float16",
    stepInputs: () => ({ [SCALE]: scaler.scale, [INVERSE_SCALE]: scaler.inverseScale }),
    scaleLoss: (loss, inputs) => tf.mul(loss, inputOf(inputs, SCALE)),
    unscale: (gradients, inputs) => {
      const inverse = inputOf(inputs, INVERSE_SCALE);
      return {
        gradients: new Map([...gradients].map(([parameter, gradient]) => [parameter, tf.mul(gradient, inverse)])),
        foundInf: anyNotFinite([...gradients.values()]),
      };
    },
    update: (foundInf, applyGradients) => {
      if (foundInf === null) return FULL_PRECISION.update(foundInf, applyGradients);
      for (const [variable, next] of holdAssignments(applyGradients)) {
        variable.assign(tf.where(foundInf, variable.value, next));
        next.dispose();
      }
      return { [FOUND_INF]: tf.cast(foundInf, "float32") };
    },
    // The one value that is read from the device in every step: all counters depend on it.
    tookStep: async (outputs) => {
      if (!outputs.names.includes(FOUND_INF)) return true;
      const foundInf = (await outputs.scalar(FOUND_INF)) !== 0;
      scaler.update(foundInf);
      return !foundInf;
    },
    stateDict: () => scaler.stateDict(),
    takes: (key) => KEYS.includes(key),
    loadStateDict: (state) => {
      scaler.loadStateDict(state);
    },
  };
}

/** NaN and infinity times zero are NaN, all else is zero: one sum tells of every element. */
function anyNotFinite(tensors: readonly Tensor[]): Tensor {
  const sums = tensors.map((tensor) => tf.sum(tf.mul(tensor, 0)));
  return tf.isNaN(sums.reduce((total, sum) => tf.add(total, sum), tf.scalar(0)));
}

function inputOf(inputs: StepInputs, name: string): Tensor {
  const input = inputs[name];
  if (input === undefined) throw new Error(`the step was not given ${name}`);
  return input;
}
