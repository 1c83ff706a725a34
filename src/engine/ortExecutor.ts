import { LtrainError } from "../errors.js";
import type { HalfType } from "../storage/float16.js";
import type { Allot, HostTensor } from "../storage/hostTensor.js";
import type { Variable } from "../tensor/variable.js";
import { nextStatePort } from "./capture.js";
import type { Compilation, CompiledStep, CompileOptions, Executor, StepFunction } from "./executor.js";
import type { Graph, TensorSpec } from "./graph.js";
import { computeType, fromCompute, toCompute } from "./hostValues.js";
import { onnxModel } from "./onnxModel.js";
import { loadOrt } from "./loadOrt.js";
import type { OrtCpuOptions } from "./ortCpu.js";
import { ortCpu } from "./ortCpu.js";
import { ortCuda } from "./ortCuda.js";
import type { OrtDevice, OrtModule, StateCell } from "./ortDevice.js";
import { Program } from "./ortProgram.js";
import { ortWebgpu } from "./ortWebgpu.js";
import { lowerPrecision, simplify } from "./passes/index.js";
import type { RehearsedStep } from "./rehearse.js";
import { captureTwice, isLookedAtAgain, isSameStep, requireSame } from "./rehearse.js";

/** What of ONNX Runtime computes, by name; a GPU comes with what people call it. */
export type OrtTarget =
  | { readonly kind: "cpu" }
  | {
      readonly kind: "webgpu" | "cuda";
      readonly name: string;
      /** The half precisions that its kernels compute products in; none where nothing is said. */
      readonly halves?: readonly HalfType[];
    };

/** What the ONNX Runtime executor may be told. */
export interface OrtExecutorOptions extends OrtCpuOptions {
  /** The CPU where nothing is said. Whether a GPU is there is not asked: gpuWays.ts knows. */
  readonly target?: OrtTarget;
  /** Called when a step has been compiled for new input shapes. */
  readonly onCompile?: (compilation: Compilation) => void;
}

/** The executor that captures a step as one graph and has ONNX Runtime run it. */
export async function ortExecutor(options: OrtExecutorOptions = {}): Promise<Executor> {
  const ort = await loadOrt();
  return new OrtExecutor(deviceOf(ort, options), options.onCompile);
}

function deviceOf(ort: OrtModule, options: OrtExecutorOptions): OrtDevice {
  const { target = { kind: "cpu" } } = options;
  switch (target.kind) {
    case "cpu":
      return ortCpu(ort, options);
    case "webgpu":
      return ortWebgpu(ort, target.name, target.halves);
    case "cuda":
      return ortCuda(ort, target.name, target.halves);
    default:
      target satisfies never;
      throw new TypeError("unreachable");
  }
}

/** Keeps Variables on a device and runs compiled steps one after the other. */
export class OrtExecutor implements Executor {
  readonly engine = "onnxruntime";
  readonly #device: OrtDevice;
  #onCompile: ((compilation: Compilation) => void) | undefined;
  readonly #cells = new Map<Variable, StateCell>();
  readonly #compiled: Compiled[] = [];
  #tail: Promise<unknown> = Promise.resolve();

  constructor(device: OrtDevice, onCompile?: (compilation: Compilation) => void) {
    this.#device = device;
    this.#onCompile = onCompile;
  }

  get device(): string {
    return this.#device.name;
  }

  get halves(): readonly HalfType[] {
    return Object.keys(this.#device.halves ?? {}) as HalfType[]; // the keys that the device's table may have
  }

  compile(step: StepFunction, options: CompileOptions = {}): CompiledStep {
    const programs = new Map<string, Promise<Compiled>>();
    const programOf = (inputs: Readonly<Record<string, HostTensor>>): Promise<Compiled> => {
      const key = signatureOf(inputs);
      const known = programs.get(key);
      if (known !== undefined) return known;
      const made = this.#compile(step, options, inputs);
      programs.set(key, made);
      // A step that could not be captured may be captured later: its shapes are not to blame for good.
      made.catch(() => programs.delete(key));
      return made;
    };
    return {
      run: (inputs) =>
        this.#inOrder(async () => {
          const compiled = await programOf(inputs);
          compiled.runs += 1;
          if (isLookedAtAgain(compiled.runs)) requireSame(compiled.captured, step, specsOf(inputs));
          return compiled.program.run(inputs);
        }),
    };
  }

  onCompile(listener: (compilation: Compilation) => void): void {
    this.#onCompile = listener;
  }

  read(variable: Variable, allot?: Allot): Promise<HostTensor> {
    return this.#inOrder(async () => {
      const cell = this.#cells.get(variable);
      if (cell === undefined) return variable.read();
      return fromCompute(await cell.read(), variable.dtype, variable.shape, allot);
    });
  }

  write(variable: Variable, value: HostTensor): void {
    const cell = this.#cells.get(variable);
    if (cell === undefined) variable.write(value);
    else cell.write(toCompute(value));
  }

  /** The Variables get their values back; they outlive the executor. */
  async dispose(): Promise<void> {
    await this.#tail;
    for (const [variable, cell] of this.#cells) {
      variable.write(fromCompute(await cell.read(), variable.dtype, variable.shape));
      cell.dispose();
    }
    this.#cells.clear();
    await Promise.all(this.#compiled.map(({ program }) => program.session.release()));
    this.#compiled.length = 0;
    await this.#device.dispose();
  }

  /** Runs swap buffers, so each begins when the one before has ended. */
  #inOrder<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #compile(
    step: StepFunction,
    options: CompileOptions,
    inputs: Readonly<Record<string, HostTensor>>,
  ): Promise<Compiled> {
    const started = performance.now();
    const specs = specsOf(inputs);
    const captured = captureTwice(step, specs);
    const autocast = options.autocast ?? null;
    const same = this.#compiled.find((each) => each.autocast === autocast && isSameStep(each.captured, captured));
    if (same !== undefined) return { ...same, runs: 0 };
    const graph = this.#inPrecision(simplify(captured.graph), autocast);
    const prepared = this.#device.prepare(graph);
    const stateOutputs = captured.variables.map((_, index) => nextStatePort(index));
    const session = await this.#device.open(onnxModel(prepared.graph), stateOutputs);
    const cells: StateCell[] = [];
    for (const variable of captured.variables) cells.push(await this.#cell(variable));
    const tail = prepared.bind?.(cells);
    const program = new Program(session, this.#device, { ...captured, graph: prepared.graph }, cells, tail);
    const compiled: Compiled = { captured, autocast, program, runs: 0 };
    this.#compiled.push(compiled);
    this.#onCompile?.({ name: step.name, inputs: specs, graph, milliseconds: performance.now() - started });
    return compiled;
  }

  #inPrecision(graph: Graph, type: HalfType | null): Graph {
    if (type === null) return graph;
    const support = this.#device.halves?.[type];
    if (support === undefined) {
      throw new LtrainError("engine.unsupported", `${this.device} through onnxruntime has no products in ${type}`, {
        hint: "--accelerator cpu has, or train in precision 32-true",
      });
    }
    return lowerPrecision(graph, { type, support });
  }

  async #cell(variable: Variable): Promise<StateCell> {
    const known = this.#cells.get(variable);
    if (known !== undefined) return known;
    const initial = await variable.read();
    const cell = this.#device.cell(computeType(variable.dtype), variable.shape, toCompute(initial));
    this.#cells.set(variable, cell);
    return cell;
  }
}

/** A step made ready for inputs of some shapes. */
interface Compiled {
  readonly captured: RehearsedStep;
  readonly autocast: HalfType | null;
  readonly program: Program;
  runs: number;
}

function specsOf(inputs: Readonly<Record<string, HostTensor>>): Record<string, TensorSpec> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape }]) => [name, { dtype: computeType(dtype), shape }]),
  );
}

/** Which graph inputs call for. */
function signatureOf(inputs: Readonly<Record<string, HostTensor>>): string {
  let key = "";
  for (const name in inputs) {
    const tensor = inputs[name];
    key += `${name}:${tensor?.dtype ?? ""}[${tensor?.shape.join(",") ?? ""}];`;
  }
  return key;
}
