import type * as Ort from "onnxruntime-node";
import { numelOf } from "../../storage/hostTensor.js";
import type { HostArray } from "../hostValues.js";
import { hostArray } from "../hostValues.js";
import type { BorderType, OrtModule } from "../ortDevice.js";
import type { Arena } from "./arena.js";

const ITEM_SIZES = { float32: 4, int32: 4, bool: 1 } as const satisfies Record<BorderType, number>;

/** A tensor in the arena, for ONNX Runtime and for kernels; beyond the arena it is an array that kernels cannot reach. */
export class HostBlock {
  /** Where it lies in the arena. */
  readonly address: number | undefined;
  readonly #ort: OrtModule;
  readonly #arena: Arena;
  readonly #dtype: BorderType;
  readonly #shape: readonly number[];
  #values: HostArray;
  #tensor: Ort.Tensor;

  constructor(ort: OrtModule, arena: Arena, dtype: BorderType, shape: readonly number[]) {
    this.#ort = ort;
    this.#arena = arena;
    this.#dtype = dtype;
    this.#shape = shape;
    this.address = arena.allocate(numelOf(shape) * ITEM_SIZES[dtype]);
    this.#values = this.address === undefined ? hostArray(dtype, numelOf(shape)) : this.#view(this.address);
    this.#tensor = new ort.Tensor(dtype, this.#values, shape);
  }

  /** The elements. */
  get values(): HostArray {
    this.#refresh();
    return this.#values;
  }

  /** The elements as ONNX Runtime takes them. */
  get tensor(): Ort.Tensor {
    this.#refresh();
    return this.#tensor;
  }

  /** Views go stale when the arena grows, which it does while a step is compiled. */
  #refresh(): void {
    if (this.address === undefined || this.#arena.shows(this.#values)) return;
    this.#values = this.#view(this.address);
    this.#tensor = new this.#ort.Tensor(this.#dtype, this.#values, this.#shape);
  }

  #view(address: number): HostArray {
    const { buffer } = this.#arena.memory;
    const count = numelOf(this.#shape);
    switch (this.#dtype) {
      case "float32":
        return new Float32Array(buffer, address, count);
      case "int32":
        return new Int32Array(buffer, address, count);
      case "bool":
        return new Uint8Array(buffer, address, count);
      default:
        this.#dtype satisfies never;
        throw new TypeError("unreachable");
    }
  }
}
