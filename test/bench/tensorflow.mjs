#!/usr/bin/env node
/**
 * node test/bench/tensorflow.mjs [hidden] [batch] [steps] [rounds]: ways to run a training step of the autoencoder
 * 784-hidden-3-hidden-784 with Adam on TensorFlow, each in a process of its own, in turn, medians over the rounds.
 *
 *   session        what --engine tfjs-node-gpu does: the whole step in one session
 *   session-fused  the same, with ResourceApplyAdam for each parameter
 *   ops            every op by itself
 *   ops-fused      every op by itself, with ResourceApplyAdam for each parameter
 *   ops-flat       every op by itself, with all parameters and slots in one flat tensor each
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { median } from "./measure.mjs";

const WARM_UP = 30;
const BETAS = [0.9, 0.999];
const [LR, EPS] = [1e-3, 1e-8];
const dist = (file) => import(new URL(`../../dist/${file}`, import.meta.url).href);

const { eagerExecutor } = await dist("engine/eager.js");
const { savedModel } = await dist("engine/tensorflow/graphDef.js");
const { traceStep } = await dist("engine/tensorflow/opTrace.js");
const { stepNodes, variableNodes } = await dist("engine/tensorflow/stepGraph.js");
const { tensorflowExecutor } = await dist("engine/tensorflow/tensorflowExecutor.js");
const { withTemporaryFile } = await dist("io/temporaryFolder.js");
const { functional, Linear, ReLU, Sequential } = await dist("nn/index.js");
const { Adam } = await dist("optim/index.js");
const { float32Tensor, float32Values, scalarTensor } = await dist("storage/hostTensor.js");
const { valueAndGrads } = await dist("tensor/gradients.js");
const { openNodeGpu } = await dist("tensor/nodeGpu.js");
const { seedEverything } = await dist("tensor/seed.js");
const { tf } = await dist("tensor/tf.js");
const { fromHost } = await dist("tensor/transfer.js");

/** Attributes of raw ops: TF_AttrType, TF_DataType. */
const FLOAT = (name) => ({ name, type: 4, value: 1 });
const bool = (name) => ({ name, type: 3, value: false });
const shape = (value) => ({ name: "shape", type: 5, value });
const text = (name, value) => ({ name, type: 0, value });

/** Both corrections of Adam at step t, as torch has them. */
const correction = (beta, t) => 1 - beta ** t;
/** The numbers that ResourceApplyAdam takes; its epsilon is not divided by the second correction. */
const fusedScalars = (t) => [BETAS[0] ** t, BETAS[1] ** t, LR, ...BETAS, EPS * Math.sqrt(correction(BETAS[1], t))];

/** A step through an executor, with ltrain's own Adam. */
function withExecutor(executor, { params, lossOf }) {
  const optimizer = new Adam(params, { lr: LR });
  const step = executor.compile(({ x, ...numbers }) => {
    const { value, grads } = valueAndGrads(() => lossOf(x), params);
    optimizer.applyGradients(new Map(params.map((param, i) => [param, grads[i]])), (name) => numbers[name]);
    return { loss: value };
  });
  return async (x) => {
    const numbers = Object.entries(optimizer.hostScalars()).map(([name, value]) => [name, scalarTensor(value)]);
    const outputs = await step.run({ x, ...Object.fromEntries(numbers) });
    optimizer.afterStep();
    const loss = await outputs.scalar("loss");
    outputs.dispose();
    return loss;
  };
}

/** Forward and backward op by op, then one ResourceApplyAdam per parameter. */
async function opsFused(binding, node, { params, lossOf }) {
  const resource = (name, dims, values) => {
    const where = [FLOAT("dtype"), shape(dims), text("shared_name", name), text("container", "")];
    const [handle] = binding.executeOp("VarHandleOp", where, [], 1);
    const value = binding.createTensor(dims, 1, values);
    binding.executeOp("AssignVariableOp", [FLOAT("dtype")], [handle.id, value], 0);
    return handle.id;
  };
  const resources = [];
  for (const [i, param] of params.entries()) {
    const values = float32Values(await param.read()).slice();
    const zeros = () => new Float32Array(values.length);
    resources.push([
      resource(`p${i}`, param.shape, values),
      resource(`m${i}`, param.shape, zeros()),
      resource(`v${i}`, param.shape, zeros()),
    ]);
  }
  let t = 0;
  return (x) => {
    const scalars = fusedScalars((t += 1)).map((value) => binding.createTensor([], 1, Float32Array.of(value)));
    const loss = tf.tidy(() => {
      params.forEach((param, i) => {
        const [value] = binding.executeOp("ReadVariableOp", [FLOAT("dtype")], [resources[i][0]], 1);
        param.assign(node.createOutputTensor(value));
      });
      const { value, grads } = valueAndGrads(() => lossOf(fromHost(x)), params);
      const attributes = [FLOAT("T"), bool("use_locking"), bool("use_nesterov")];
      node.getInputTensorIds(grads).forEach((grad, i) => {
        binding.executeOp("ResourceApplyAdam", attributes, [...resources[i], ...scalars, grad], 0);
      });
      return value.dataSync()[0];
    });
    for (const id of scalars) binding.deleteTensor(id);
    return loss;
  };
}

/** Forward and backward op by op; one Adam over everything, laid end to end. */
async function opsFlat(_binding, _node, { params, lossOf }) {
  const sizes = params.map((param) => param.shape.reduce((product, size) => product * size, 1));
  const all = [];
  for (const param of params) all.push(tf.tensor(float32Values(await param.read())));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const flatten = all.map((tensor) => tf.reshape(tensor, [-1]));
  let state = [tf.concat(flatten), tf.zeros([total]), tf.zeros([total])].map((tensor) => tf.keep(tensor));
  let t = 0;
  return (x) => {
    t += 1;
    return tf.tidy(() => {
      const [flat, m, v] = state;
      tf.split(flat, sizes).forEach((part, i) => params[i].assign(tf.reshape(part, params[i].shape)));
      const { value, grads } = valueAndGrads(() => lossOf(fromHost(x)), params);
      const g = tf.concat(grads.map((grad) => tf.reshape(grad, [-1])));
      const nextM = tf.add(m, tf.mul(tf.sub(g, m), 1 - BETAS[0]));
      const nextV = tf.add(tf.mul(v, BETAS[1]), tf.mul(tf.mul(g, 1 - BETAS[1]), g));
      const root = tf.add(tf.div(tf.sqrt(nextV), Math.sqrt(correction(BETAS[1], t))), EPS);
      const next = tf.add(flat, tf.div(tf.mul(nextM, -LR / correction(BETAS[0], t)), root));
      for (const tensor of state) tensor.dispose();
      state = [next, nextM, nextV].map((tensor) => tf.keep(tensor));
      return value.dataSync()[0];
    });
  };
}

/** One session, in which ResourceApplyAdam comes after the backward pass. */
async function sessionFused(binding, node, { params, lossOf, first }) {
  const float = { kind: "type", value: 1 };
  const off = { kind: "bool", value: false };
  const step = ({ x }) => {
    const { value, grads } = valueAndGrads(() => lossOf(x), params);
    return { loss: value, ...Object.fromEntries(grads.map((grad, i) => [`grad${i}`, grad])) };
  };
  const traced = stepNodes("step", traceStep(node, step, { x: first }, "first"), (variable) => ({
    name: `p${params.indexOf(variable)}`,
    dtype: 1,
  }));
  const portOf = (name) => traced.ports.outputs.find((output) => output.name === name).port;
  const scalars = ["power1", "power2", "lr", "beta1", "beta2", "epsilon"];
  const nodes = [
    ...params.flatMap((param, i) => ["p", "m", "v"].flatMap((slot) => variableNodes(`${slot}${i}`, 1, param.shape))),
    ...traced.nodes,
    ...scalars.map((name) => ({
      name,
      op: "Placeholder",
      inputs: [],
      attributes: { dtype: float, shape: { kind: "shape", value: [] } },
    })),
    ...params.map((_, i) => ({
      name: `adam${i}`,
      op: "ResourceApplyAdam",
      inputs: [`p${i}`, `m${i}`, `v${i}`, ...scalars, portOf(`grad${i}`), ...params.map((_, j) => `^after${j}`)],
      attributes: { T: float, use_locking: off, use_nesterov: off },
    })),
    // No parameter may change in place while another gradient is still to read it.
    ...params.map((_, i) => ({
      name: `after${i}`,
      op: "Identity",
      inputs: [portOf(`grad${i}`)],
      attributes: { T: float },
    })),
    {
      name: "done",
      op: "Identity",
      inputs: ["lr:0", ...params.map((_, i) => `^adam${i}`)],
      attributes: { T: float },
    },
  ];
  const id = withTemporaryFile("saved_model.pb", savedModel(nodes), (folder) =>
    binding.loadSavedModel(folder, "serve"),
  );
  for (const [i, param] of params.entries()) {
    const values = float32Values(await param.read()).slice();
    for (const [slot, start] of Object.entries({ p: values, m: values.map(() => 0), v: values.map(() => 0) })) {
      const fed = binding.createTensor(param.shape, 1, start);
      binding.runSavedModel(id, [fed], `${slot}${i}/feed:0`, `${slot}${i}/wrote:0`);
    }
  }
  const names = [...traced.ports.inputs, ...scalars.map((name) => `${name}:0`)].join(",");
  let t = 0;
  return (x) => {
    const fed = fusedScalars((t += 1)).map((value) => binding.createTensor([], 1, Float32Array.of(value)));
    fed.unshift(binding.createTensor(x.shape, 1, float32Values(x)));
    const results = binding.runSavedModel(id, fed, names, `${portOf("loss")},done:0`);
    const [loss] = binding.tensorDataSync(results[0].id);
    for (const one of [...fed, ...results.map((result) => result.id)]) binding.deleteTensor(one);
    return loss;
  };
}

const WAYS = {
  session: async (_binding, _node, parts) => withExecutor(await tensorflowExecutor(), parts),
  "session-fused": sessionFused,
  ops: async (_binding, _node, parts) => withExecutor(await eagerExecutor("tfjs-node-gpu"), parts),
  "ops-fused": opsFused,
  "ops-flat": opsFlat,
};

/** Measure one way in this process: steps per second, CPU milliseconds per step, and the last loss. */
async function measure(way, hidden, batch, steps) {
  const { node, backend } = await openNodeGpu();
  await tf.setBackend(backend);
  seedEverything(1);
  const encoder = [new Linear(784, hidden), new ReLU(), new Linear(hidden, 3)];
  const model = new Sequential(...encoder, new Linear(3, hidden), new ReLU(), new Linear(hidden, 784));
  const lossOf = (x) => functional.mseLoss(model.forward(x), x);
  const pixels = (seed) => Float32Array.from({ length: batch * 784 }, (_, i) => Math.abs(Math.sin(seed + i * i)));
  const batches = Array.from({ length: 8 }, (_, i) => float32Tensor(pixels(i), [batch, 784]));
  const parts = { params: model.parameters(), lossOf, first: batches[0] };
  const run = await WAYS[way](node.binding, node, parts);
  let [start, cpu, loss] = [0, process.cpuUsage(), 0];
  for (let i = 0; i < WARM_UP + steps; i += 1) {
    if (i === WARM_UP) [start, cpu] = [performance.now(), process.cpuUsage()];
    loss = await run(batches[i % batches.length]);
  }
  const [{ user, system }, wall] = [process.cpuUsage(cpu), performance.now() - start];
  return { perSecond: (1000 * steps) / wall, cpuMs: (user + system) / 1000 / steps, loss };
}

const [way, ...numbers] = process.argv.slice(2);
if (Object.hasOwn(WAYS, way ?? "")) {
  console.log(JSON.stringify(await measure(way, ...numbers.map(Number))));
} else {
  const [hidden = 64, batch = 32, steps = 400, rounds = 5] = process.argv.slice(2).map(Number);
  const found = Object.fromEntries(Object.keys(WAYS).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const name of Object.keys(WAYS)) {
      const args = [fileURLToPath(import.meta.url), name, hidden, batch, steps].map(String);
      found[name].push(JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })));
    }
  }
  console.log(`hidden ${hidden}, batch ${batch}, ${steps} steps, medians of ${rounds} rounds in turn`);
  for (const [name, results] of Object.entries(found)) {
    const of = (key) => median(results.map((result) => result[key]));
    const ratio = median(results.map((result, i) => result.perSecond / found.ops[i].perSecond));
    console.log(
      `${name.padEnd(14)}${of("perSecond").toFixed(0).padStart(6)} steps/s  ${ratio.toFixed(2)} x ops  ` +
        `${of("cpuMs").toFixed(2)} ms CPU per step  loss ${results[0].loss}`,
    );
  }
}
