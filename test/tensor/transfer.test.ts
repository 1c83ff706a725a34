import { tf } from "../../src/tensor/tf.js";
import { castHost } from "../../src/tensor/cast.js";
import { fromHost, toHost } from "../../src/tensor/transfer.js";
import { float32Tensor, float32Values, type HostTensor } from "../../src/storage/hostTensor.js";

const int64 = (...values: bigint[]): HostTensor => ({
  dtype: "int64",
  shape: [values.length],
  bytes: new Uint8Array(BigInt64Array.from(values).buffer),
});

test("int64 goes through int32 and back", async () => {
  const host = int64(0n, -5n, 2n ** 31n - 1n);
  const tensor = fromHost(host);
  expect(tensor.dtype).toBe("int32");
  expect(await toHost(tensor, "int64")).toEqual(host);
});

test("an int64 beyond 32 bits is refused, not wrapped", () => {
  expect(() => fromHost(int64(2n ** 31n))).toThrow("the integer 2147483648 does not fit in 32 bits");
});

test.each([
  // 1.5 and -2 in each format's bits: half 0x3e00, 0xc000; bfloat16 0x3fc0, 0xc000.
  ["float16", [0x00, 0x3e, 0x00, 0xc0]],
  ["bfloat16", [0xc0, 0x3f, 0x00, 0xc0]],
  ["float64", [...new Uint8Array(Float64Array.of(1.5, -2).buffer)]],
] as const)("%s becomes float32", async (dtype, bytes) => {
  const tensor = fromHost({ dtype, shape: [2], bytes: Uint8Array.from(bytes) });
  expect(tensor.dtype).toBe("float32");
  expect([...(await tensor.data())]).toEqual([1.5, -2]);
});

test("half subnormals, infinities and NaN are widened exactly", () => {
  const bits = Uint16Array.of(0x0001, 0x7c00, 0xfc00, 0x7e00, 0x03ff);
  const host: HostTensor = { dtype: "float16", shape: [5], bytes: new Uint8Array(bits.buffer) };
  expect([...float32Values(castHost(host, "float32"))]).toEqual([2 ** -24, Infinity, -Infinity, NaN, 1023 * 2 ** -24]);
});

test("bool stays bool, whatever bytes stood for true", async () => {
  const tensor = fromHost({ dtype: "bool", shape: [3], bytes: Uint8Array.of(0, 1, 255) });
  expect((await toHost(tensor, "bool")).bytes).toEqual(Uint8Array.of(0, 1, 1));
});

test("a dtype that is no number is refused by name", () => {
  expect(() => fromHost({ dtype: "complex64", shape: [1], bytes: new Uint8Array(8) })).toThrow("complex64");
});

test("float32 values survive where their bytes are not aligned", async () => {
  const bytes = new Uint8Array(9);
  bytes.set(new Uint8Array(Float32Array.of(0.1, -0).buffer), 1);
  const tensor = fromHost({ dtype: "float32", shape: [2], bytes: bytes.subarray(1) });
  const back = await toHost(tensor, "float32");
  expect([...float32Values(back)]).toEqual([Math.fround(0.1), -0]);
});

test("a fresh process prints nothing when it first computes", () => {
  const warn = console.warn;
  const lines: unknown[] = [];
  console.warn = (...args: unknown[]) => lines.push(args);
  try {
    tf.add(fromHost(float32Tensor(Float32Array.of(1), [1])), 1).dispose();
  } finally {
    console.warn = warn;
  }
  expect(lines).toEqual([]);
});
