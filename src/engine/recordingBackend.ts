import { LtrainError } from "../errors.js";
import type { Tensor } from "../tensor/tf.js";
import { tf } from "../tensor/tf.js";
import { stackFrames, userLine } from "./callSite.js";
import type { ElementType, Value } from "./graph.js";
import { GraphBuilder } from "./graphBuilder.js";
import { LOWERINGS } from "./lowering/index.js";

const NAME = "ltrain-capture";
const WAY_OUT = "write it with tensor ops that the engine knows, or run the step as it is with --engine tfjs";
/** tfjs functions that draw numbers while they run: in a graph they would draw once and for all. */
const DRAWS =
  /\b(?:random(?:Uniform|Normal|Gamma|StandardNormal|UniformInt)|truncatedNormal|multinomial|dropout|rand)_? /;
/** Gradients that tfjs computes by gathering zeros carry this many bytes of constants at most before it is a mistake. */
const MAX_CONSTANT_ELEMENTS = 1 << 26;

let registered = false;
let active: RecordingBackend | undefined;

/** A tfjs backend whose tensors are values of a graph; running a kernel writes the kernel into the graph. */
export class RecordingBackend extends tf.KernelBackend {
  builder = new GraphBuilder();
  /** Whether nodes say from which line of the user's they come; finding it out takes a stack each. */
  notesPlaces = false;
  #values = new WeakMap<object, Value>();
  #count = 0;

  /** Forget everything and begin a new graph. */
  restart(): void {
    this.builder = new GraphBuilder();
    this.notesPlaces = false;
    this.#values = new WeakMap();
    this.#count = 0;
  }

  /** A tfjs tensor that stands for a value. */
  tensor(value: Value): Tensor {
    const info = this.info(value);
    return tf.engine().makeTensorFromTensorInfo(info, this);
  }

  /** What tfjs' engine makes a tensor of. */
  info(value: Value): tf.TensorInfo {
    const dataId = {};
    this.#values.set(dataId, value);
    this.#count += 1;
    return { dataId, shape: [...value.shape], dtype: tensorType(value.dtype) };
  }

  /** The value that a tensor stands for; a tensor of another backend becomes a constant. */
  value(tensor: tf.TensorInfo): Value {
    const known = this.#values.get(tensor.dataId);
    if (known !== undefined) return known;
    const data = tf.engine().readSync(tensor.dataId);
    const value = this.builder.constant(elementType(tensor.dtype), tensor.shape, constantData(data, tensor.dtype));
    this.#values.set(tensor.dataId, value);
    return value;
  }

  /** Write a kernel into the graph. */
  run(
    kernel: string,
    inputs: Readonly<Record<string, tf.TensorInfo | undefined>>,
    attributes: object,
  ): tf.TensorInfo | tf.TensorInfo[] {
    const lowering = LOWERINGS[kernel];
    if (lowering === undefined) {
      throw new LtrainError("engine.unsupported", `no lowering for the op ${kernel}, used at ${userLine()}`, {
        hint: WAY_OUT,
      });
    }
    const values: Record<string, Value> = {};
    for (const [name, tensor] of Object.entries(inputs)) {
      if (tensor !== undefined) values[name] = this.value(tensor);
    }
    this.builder.origin = this.notesPlaces ? `${kernel} at ${userLine()}` : kernel;
    const result = lowering(this.builder, values, attributes);
    return "dtype" in result ? this.info(result) : result.map((value) => this.info(value));
  }

  override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object {
    // Most constants are one number, and a stack each would take longer than all else; one that is drawn is found out
    // when the step is captured again.
    const frames = values.length > 1 ? stackFrames() : [];
    const draw = frames
      .map((frame) => DRAWS.exec(frame)?.[0].trim().replace(/_$/, ""))
      .find((name) => name !== undefined);
    if (draw !== undefined) {
      throw new LtrainError(
        "engine.unsupported",
        `tf.${draw} inside a step, at ${userLine(frames)}, would be drawn once`,
        {
          hint: "give the step its random numbers as an input, or run it as it is with --engine tfjs",
        },
      );
    }
    if (values.length > MAX_CONSTANT_ELEMENTS) {
      throw new LtrainError("engine.unsupported", `a constant of ${values.length} elements at ${userLine(frames)}`, {
        hint: "give it to the step as an input",
      });
    }
    this.builder.origin = "constant";
    const value = this.builder.constant(elementType(dtype), shape, constantData(values, dtype));
    return this.info(value).dataId;
  }

  override readSync(): never {
    throw readError("dataSync");
  }

  override read(): Promise<never> {
    return Promise.reject(readError("data"));
  }

  override disposeData(dataId: object): boolean {
    if (this.#values.delete(dataId)) this.#count -= 1;
    return true;
  }

  override refCount(): number {
    return 1;
  }

  override incRef(): void {
    // Every tensor has data of its own here: nothing is shared, nothing is counted.
  }

  override move(dataId: object, values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): void {
    this.#values.set(dataId, this.builder.constant(elementType(dtype), shape, constantData(values, dtype)));
  }

  override numDataIds(): number {
    return this.#count;
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }

  override timerAvailable(): boolean {
    return false;
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }
}

/** Run `f` while tfjs records into a fresh graph; what was the backend before is the backend afterwards. */
export function record<Result>(f: (backend: RecordingBackend) => Result): Result {
  if (active !== undefined) throw new Error("a step is being recorded already");
  // Until someone asks for it, tfjs has no backend and cannot be set back to it.
  tf.backend();
  register();
  const before = tf.getBackend();
  // Its work is done before it returns: only backends that load asynchronously make it wait.
  void tf.setBackend(NAME);
  const backend = tf.backend();
  if (!(backend instanceof RecordingBackend)) throw new Error(`backend "${NAME}" is someone else's`);
  backend.restart();
  active = backend;
  const engine = tf.engine();
  engine.startScope("capture");
  try {
    return f(backend);
  } finally {
    engine.endScope();
    active = undefined;
    void tf.setBackend(before);
  }
}

/** Tell tfjs of the backend, and of a kernel for every op there is: one that we lack fails by name at its line. */
function register(): void {
  if (registered) return;
  registered = true;
  tf.registerBackend(NAME, () => new RecordingBackend(), 0);
  const names = new Set([
    ...Object.keys(LOWERINGS),
    ...tf.getKernelsForBackend("cpu").map(({ kernelName }) => kernelName),
  ]);
  for (const kernelName of names) {
    tf.registerKernel({
      kernelName,
      backendName: NAME,
      kernelFunc: ({ inputs, attrs }) => {
        if (active === undefined) throw new Error(`${kernelName} runs on the recording backend outside a capture`);
        return active.run(kernelName, inputs, attrs ?? {});
      },
    });
  }
}

function readError(method: string): LtrainError {
  return new LtrainError("engine.unsupported", `the step reads a value (${method}) at ${userLine()}: it has none yet`, {
    hint: "keep to tensors inside a step and give back what you want to read, or run it as it is with --engine tfjs",
  });
}

function elementType(dtype: tf.DataType): ElementType {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return dtype;
  throw new LtrainError("engine.unsupported", `a tensor of ${dtype} at ${userLine()}`, { hint: WAY_OUT });
}

function tensorType(dtype: ElementType): tf.DataType {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return dtype;
  throw new Error(`a kernel gave ${dtype}, which tfjs does not have`);
}

function constantData(
  values: tf.backend_util.BackendValues,
  dtype: tf.DataType,
): Float32Array | Int32Array | Uint8Array {
  // A copy: tfjs lets the caller keep the array.
  switch (dtype) {
    case "int32":
      return Int32Array.from(values as ArrayLike<number>);
    case "bool":
      return Uint8Array.from(values as ArrayLike<number>);
    default:
      return Float32Array.from(values as ArrayLike<number>);
  }
}
