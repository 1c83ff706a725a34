import { TestEnvironment } from "jest-environment-node";

// Tests have a copy of process.env, which TensorFlow does not see: without this it greets on stderr.
process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";

const HOST_CLASSES = [
  "ArrayBuffer",
  "SharedArrayBuffer",
  "DataView",
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
];

/**
 * jest runs tests in a realm of its own, whose typed arrays native addons (onnxruntime-node, tfjs-node-gpu) refuse,
 * and whose `instanceof Uint8Array` is false for what node:fs returns. Give the tests the host's.
 */
export default class HostRealmEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    for (const name of HOST_CLASSES) this.global[name] = globalThis[name];
  }
}
