import type { WasmMemory } from "./webAssembly.js";
import { wasm } from "./webAssembly.js";

/** A page of WebAssembly memory. */
const PAGE = 65536;
/** The most pages there are: 4 GiB, what 32-bit addresses reach. */
const MAX_PAGES = 65536;
/** Every block begins where a cache line does. */
const ALIGNMENT = 64;

/** Memory that WebAssembly and ONNX Runtime both work in. Blocks are given out and never taken back. */
export class Arena {
  readonly memory: WasmMemory = new wasm.Memory({ initial: 1, maximum: MAX_PAGES });
  #used = ALIGNMENT;

  /** The address of a new block of zeros; undefined where the memory has no room for it. */
  allocate(byteLength: number): number | undefined {
    const address = this.#used;
    const end = address + Math.ceil(byteLength / ALIGNMENT) * ALIGNMENT;
    const missing = Math.ceil(end / PAGE) - this.memory.buffer.byteLength / PAGE;
    if (missing > 0) {
      if (end > MAX_PAGES * PAGE) return undefined;
      try {
        this.memory.grow(missing);
      } catch {
        return undefined;
      }
    }
    this.#used = end;
    return address;
  }

  /** Whether a view still shows the memory: it does not once the memory has grown. */
  shows(view: ArrayBufferView): boolean {
    return view.buffer === this.memory.buffer;
  }

  /** Bytes still to be had. */
  get free(): number {
    return MAX_PAGES * PAGE - this.#used;
  }
}
