import { captureStep } from "../../src/engine/capture.js";
import { partition } from "../../src/engine/fusion/partition.js";
import { simplify } from "../../src/engine/passes/index.js";
import { Linear, ReLU, Sequential } from "../../src/nn/index.js";
import { valueAndGrads } from "../../src/tensor/gradients.js";
import { tf } from "../../src/tensor/tf.js";
import { optimizerOf, type Arguments } from "./build.js";

const ALL: readonly [string, Arguments][] = [
  ["SGD", { momentum: 0.9, nesterov: true, weight_decay: 0.1, maximize: true }],
  ["Adam", { amsgrad: true, weight_decay: 0.1 }],
  ["AdamW", {}],
  ["RMSprop", { momentum: 0.9, centered: true, weight_decay: 0.1 }],
  ["Adagrad", { lr_decay: 0.1, weight_decay: 0.1 }],
  ["Adadelta", { weight_decay: 0.1 }],
  ["Adamax", { weight_decay: 0.1 }],
  ["NAdam", { weight_decay: 0.1, decoupled_weight_decay: true }],
  ["RAdam", { weight_decay: 0.1, decoupled_weight_decay: true }],
];

test.each(ALL)(
  "the whole update of %s is in the kernels: one for each parameter, nothing of it left in the graph",
  (name, given) => {
    const model = new Sequential(new Linear(8, 4), new ReLU(), new Linear(4, 8));
    const params = model.parameters();
    const optimizer = optimizerOf(name, params, given);
    // RAdam's first steps are a shorter update than the rest.
    for (let i = 0; i < 10; i += 1) optimizer.afterStep(new Set(params));
    const scalars = Object.keys(optimizer.hostScalars());
    const inputs = Object.fromEntries(scalars.map((key) => [key, { dtype: "float32" as const, shape: [] }]));
    const { graph, variables } = captureStep(
      ({ x, ...numbers }) => {
        if (x === undefined) throw new Error("no batch");
        const { value, grads } = valueAndGrads(() => tf.mean(tf.square(model.forward(x))), params);
        const gradients = new Map(params.flatMap((param, i) => (grads[i] ? [[param, grads[i]] as const] : [])));
        optimizer.applyGradients(gradients, (key) => numbers[key] ?? tf.scalar(NaN));
        return { loss: value };
      },
      { x: { dtype: "float32", shape: [4, 8] }, ...inputs },
    );
    const parts = partition(simplify(graph));
    expect(parts.kernels).toHaveLength(params.length);
    // Parameters and slots are all written by kernels; a gradient each is what they are handed.
    expect(parts.kernels.flatMap(({ results }) => results)).toHaveLength(variables.length);
    expect(parts.graph.outputs.filter(({ name: port }) => port.startsWith("state."))).toEqual([]);
    expect(parts.handed.filter(({ value }) => value.shape.length > 0)).toHaveLength(params.length);
  },
);
