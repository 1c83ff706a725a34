import { float32Tensor, zerosTensor, type HostTensor } from "../../storage/hostTensor.js";
import { openNodeGpu, type NodeGpu } from "../../tensor/nodeGpu.js";
import type { RandomDraw } from "../../tensor/randomInput.js";
import { computeValues, hostOf } from "../../tensor/transfer.js";
import type { Variable } from "../../tensor/variable.js";
import { eagerExecutor, useBackend } from "../eager.js";
import type { CompiledStep, Executor, StepFunction, StepOutputs } from "../executor.js";
import { isLookedAtAgain } from "../rehearse.js";
import { TF_TYPES } from "./graphDef.js";
import { sameTrace, StepReadsValues, traceStep, type OpTrace } from "./opTrace.js";
import { SessionRefused, StepSession, type HostValue } from "./session.js";
import { SessionOutputs } from "./sessionOutputs.js";

/** The executor that runs steps in a TensorFlow session, on a CUDA device where TensorFlow sees one. */
export async function tensorflowExecutor(): Promise<TensorflowExecutor> {
  const node = await openNodeGpu();
  return new TensorflowExecutor(node, await eagerExecutor("tfjs-node-gpu"));
}

const CHANGES = "a step does not do the same every time";

/** A step for inputs of one shape: the number of its trace, and how often it was run. */
interface Program {
  readonly trace: number;
  runs: number;
}

/**
 * Writes down the ops that a step issues and runs them as one graph, so that a step is one call into TensorFlow. A step
 * that cannot be written down, because it reads values or does something else every time, has them all run op by op.
 */
export class TensorflowExecutor implements Executor {
  readonly engine = "tfjs-node-gpu";
  readonly device: string;
  readonly #node: NodeGpu;
  readonly #eager: Executor;
  readonly #traces: OpTrace[] = [];
  #session: StepSession | undefined;
  #variables: readonly Variable[] = [];
  #whyOpByOp: string | undefined;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(node: NodeGpu, eager: Executor) {
    this.#node = node;
    this.#eager = eager;
    this.device = node.device;
  }

  /** Why steps are run op by op; undefined while they are run as graphs. */
  get whyOpByOp(): string | undefined {
    return this.#whyOpByOp;
  }

  compile(step: StepFunction): CompiledStep {
    const eager = this.#eager.compile(step);
    const programs = new Map<string, Program>();
    const run = async (inputs: Readonly<Record<string, HostTensor>>): Promise<StepOutputs> => {
      await useBackend(this.#node.backend);
      const program = await this.#prepare(step, inputs, programs);
      return (program === null ? null : this.#runGraph(program, inputs)) ?? eager.run(inputs);
    };
    return { run: (inputs) => this.#inOrder(() => run(inputs)) };
  }

  read(variable: Variable): Promise<HostTensor> {
    return this.#inOrder(() => this.#read(variable));
  }

  write(variable: Variable, value: HostTensor): void {
    if (this.#session?.has(variable) === true) this.#session.write(variable, hostValue(value));
    else variable.write(value);
  }

  /** The Variables get their values back; they outlive the executor. */
  async dispose(): Promise<void> {
    await this.#tail;
    this.#close();
    await this.#eager.dispose();
  }

  /** What to run; null when the step is to be run op by op. */
  async #prepare(
    step: StepFunction,
    inputs: Readonly<Record<string, HostTensor>>,
    programs: Map<string, Program>,
  ): Promise<Program | null> {
    if (this.#whyOpByOp !== undefined) return null;
    const key = signatureOf(inputs);
    const known = programs.get(key);
    if (known !== undefined) {
      known.runs += 1;
      return this.#isStillTheSame(known, step, inputs) ? known : this.#giveUp(CHANGES);
    }
    try {
      const trace = traceStep(this.#node.node, step, inputs, "first");
      if (!sameTrace(trace, traceStep(this.#node.node, step, inputs, "again"))) return this.#giveUp(CHANGES);
      const program = { trace: this.#traces.push(trace) - 1, runs: 1 };
      programs.set(key, program);
      await this.#renewSession();
      return program;
    } catch (error) {
      if (error instanceof StepReadsValues) return this.#giveUp("a step reads values");
      if (error instanceof SessionRefused) return this.#giveUp(error.message);
      throw error;
    }
  }

  #isStillTheSame(program: Program, step: StepFunction, inputs: Readonly<Record<string, HostTensor>>): boolean {
    if (!isLookedAtAgain(program.runs)) return true;
    const known = this.#traces[program.trace];
    return known !== undefined && sameTrace(known, traceStep(this.#node.node, step, inputs, "again"));
  }

  /** Null when TensorFlow does not run the graph: what is wrong shows when its ops are run one by one. */
  #runGraph({ trace, runs }: Program, inputs: Readonly<Record<string, HostTensor>>): StepOutputs | null {
    const [session, known] = [this.#session, this.#traces[trace]];
    if (session === undefined || known === undefined) return null;
    const values = [...known.inputs].map(([name, { draw }]) =>
      hostValue(draw === undefined ? inputOf(inputs, name) : drawn(draw)),
    );
    try {
      return new SessionOutputs(this.#node.node.binding, session.run(trace, values));
    } catch (error) {
      if (runs > 1) throw error;
      return this.#giveUp(String(error));
    }
  }

  /** Open a session over all traces, which takes the Variables over. */
  async #renewSession(): Promise<void> {
    const before = this.#session;
    const variables = [...new Set(this.#traces.flatMap((trace) => trace.variables))];
    const dtypes = variables.map(({ dtype }) => TF_TYPES[computeValues(zerosTensor(dtype, [0])).dtype]);
    const session = new StepSession(
      this.#node.node.binding,
      this.#traces,
      new Map(variables.map((variable, i) => [variable, dtypes[i] ?? TF_TYPES.float32])),
    );
    if (before !== undefined) session.adopt(before);
    for (const variable of variables) {
      if (before?.has(variable) !== true) session.write(variable, hostValue(await variable.read()));
    }
    before?.dispose();
    this.#session = session;
    this.#variables = variables;
  }

  async #read(variable: Variable): Promise<HostTensor> {
    if (this.#session?.has(variable) !== true) return variable.read();
    return hostOf(this.#session.read(variable), variable.shape, variable.dtype);
  }

  #giveUp(why: string): null {
    this.#close();
    this.#whyOpByOp = why;
    return null;
  }

  #close(): void {
    const session = this.#session;
    if (session === undefined) return;
    for (const variable of this.#variables) {
      variable.write(hostOf(session.read(variable), variable.shape, variable.dtype));
    }
    session.dispose();
    this.#session = undefined;
    this.#variables = [];
    this.#traces.length = 0;
  }

  /** Each run begins when the one before has ended: they share the Variables. */
  #inOrder<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

/** Which trace inputs call for. */
function signatureOf(inputs: Readonly<Record<string, HostTensor>>): string {
  let key = "";
  for (const name in inputs) key += `${name}:${inputs[name]?.dtype ?? ""}[${inputs[name]?.shape.join() ?? ""}];`;
  return key;
}

function inputOf(inputs: Readonly<Record<string, HostTensor>>, name: string): HostTensor {
  const input = inputs[name];
  if (input === undefined) throw new Error(`input "${name}" is missing`);
  return input;
}

function drawn(draw: RandomDraw): HostTensor {
  return float32Tensor(draw.draw(), draw.shape);
}

function hostValue(host: HostTensor): HostValue {
  const { dtype, values } = computeValues(host);
  return { dtype: TF_TYPES[dtype], shape: host.shape, values };
}
