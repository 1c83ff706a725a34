import { createRequire } from "node:module";
import type { ChildResult } from "../io/childProcess.js";
import { runNode, runProgram } from "../io/childProcess.js";
import type { HalfType } from "../storage/float16.js";
import { GraphBuilder } from "./graphBuilder.js";
import { keepOrtSilent } from "./loadOrt.js";
import { onnxModel } from "./onnxModel.js";

/** The providers of ONNX Runtime that are used. */
export type OrtProvider = "cpu" | "webgpu" | "cuda";

/** What a provider's device is, or why there is none. */
export type ProbeResult =
  | {
      readonly works: true;
      /** As its driver calls it; null where the driver does not say. */
      readonly name: string | null;
      readonly driver: string | null;
      /** A driver that computes on the CPU, such as SwiftShader or llvmpipe. */
      readonly isSoftware: boolean;
      /** The half precisions that its kernels compute products in. */
      readonly halves: readonly HalfType[];
    }
  | { readonly works: false; readonly reason: string };

/**
 * Adds 1 to 1 on the device: a device that is there and cannot do that is of no use. Then products in each half
 * precision, one after the other: one that the device has not may end the process, and what was told before stays.
 */
const PROBE = `
const [ort, provider] = [require(args[0]), args[1]];
const run = async (model, shape) => {
  const options = { executionProviders: [provider], logSeverityLevel: 4 };
  const session = await ort.InferenceSession.create(Buffer.from(model, "base64"), options);
  const ones = new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(1);
  return [...(await session.run({ x: new ort.Tensor("float32", ones, shape) })).y.data];
};
const main = async () => {
  tell("sum " + (await run(args[2], [1])));
  for (const half of JSON.parse(args[3])) {
    const values = await run(half.model, half.shape).catch(() => []);
    if (values.length > 0 && values.every((value) => value === half.expected)) tell("half " + half.type);
  }
};
main().catch((error) => tell("failed " + error.message.replaceAll("\\n", " ")));
`;
const HALF_TYPES: readonly HalfType[] = ["float16", "bfloat16"];
const PROBE_MS = 60_000;
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|lvp_icd|vulkan_lvp|basic render/i;

const probes = new Map<OrtProvider, Promise<ProbeResult>>();

/** Try a provider in a process of its own; asked again, the answer is the same. */
export function probeProvider(provider: OrtProvider): Promise<ProbeResult> {
  const known = probes.get(provider);
  if (known !== undefined) return known;
  const made = probe(provider);
  probes.set(provider, made);
  return made;
}

async function probe(provider: OrtProvider): Promise<ProbeResult> {
  const main = ortMain();
  if (main === null) return { works: false, reason: "onnxruntime-node is not installed" };
  keepOrtSilent();
  const model = Buffer.from(sumModel()).toString("base64");
  // The CPU has no kernels in halves, and rounds to them all the same: ortCpu.ts.
  const halves = provider === "cpu" ? [] : HALF_TYPES.map(halfModel);
  const result = await runNode(PROBE, [main, provider, model, JSON.stringify(halves)], {
    // Vulkan's loader then tells which device of which driver was taken.
    environment: { VK_LOADER_DEBUG: "error,warn,info,driver" },
    timeoutMs: PROBE_MS,
  });
  if (!result.stdout.includes("sum 2")) return { works: false, reason: failureOf(result) };
  if (provider === "cpu") return { works: true, name: null, driver: null, isSoftware: false, halves: [] };
  const found = HALF_TYPES.filter((type) => result.stdout.includes(`half ${type}\n`));
  if (provider === "cuda") return { works: true, ...(await askNvidia()), isSoftware: false, halves: found };
  const { name, driver } = vulkanDevice(result.stderr);
  return { works: true, name, driver, isSoftware: SOFTWARE.test(`${name ?? ""} ${driver ?? ""}`), halves: found };
}

function ortMain(): string | null {
  try {
    return createRequire(import.meta.url).resolve("onnxruntime-node");
  } catch {
    return null;
  }
}

/** The version of onnxruntime-node; null where it is not installed. */
export function ortVersion(): string | null {
  try {
    const { version } = createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string };
    return version;
  } catch {
    return null;
  }
}

/** What Vulkan's loader says when a device is opened. */
export function vulkanDevice(loaderLog: string): { readonly name: string | null; readonly driver: string | null } {
  const using = /Using "([^"]+)" with driver: "([^"]+)"/.exec(loaderLog);
  if (using !== null) return { name: using[1]?.trim() ?? null, driver: using[2] ?? null };
  // Older loaders only list the devices, in the order in which they offer them.
  const first = /Sorted order:[^\n]*\n[^\n]*\[0\] ([^\n]+)/.exec(loaderLog);
  return { name: first?.[1]?.trim() ?? null, driver: null };
}

async function askNvidia(): Promise<{ readonly name: string | null; readonly driver: string | null }> {
  const query = ["--query-gpu=name,driver_version", "--format=csv,noheader"];
  const { stdout } = await runProgram("nvidia-smi", query, { timeoutMs: PROBE_MS });
  const [name = "", driver = ""] = (stdout.split("\n", 1)[0] ?? "").split(",").map((part) => part.trim());
  return { name: name === "" ? null : name, driver: driver === "" ? null : driver };
}

/** One line that says why the probe failed. */
function failureOf({ stdout, stderr, signal, exitCode }: ChildResult): string {
  const library = /[^\s:]*(?:libvulkan|libcud\w*|libcublas\w*)\S*: cannot open shared object file/.exec(stderr)?.[0];
  if (library !== undefined) return library;
  if (stderr.includes("Found no drivers")) return "Vulkan finds no driver";
  if (signal === "SIGTERM") return `it did not answer within ${PROBE_MS / 1000} seconds`;
  if (signal !== null) return `it ends its process (${signal})`;
  const message = /failed ([^\n]*)/.exec(stdout)?.[1];
  if (message === undefined) return stderr.trim().split("\n").at(-1) ?? `it ended with code ${String(exitCode)}`;
  // "/onnxruntime_src/…: some condition was false. What went wrong"
  return message.replace(/^.* was false\. /, "").trim();
}

/** `y = x + x`. */
function sumModel(): Uint8Array {
  const builder = new GraphBuilder();
  const x = builder.input({ dtype: "float32", shape: [1] });
  const y = builder.emit("Add", [x, x], x);
  return onnxModel({ inputs: [{ name: "x", value: x }], nodes: builder.nodes, outputs: [{ name: "y", value: y }] });
}

/** Of the square of ones that products are tried on. */
const SIDE = 4;

/** A matrix product, a convolution and a transposed one of a square of ones in a half precision, added up: SIDE + 1 + 1. */
function halfModel(type: HalfType): { type: HalfType; model: string; shape: readonly number[]; expected: number } {
  const builder = new GraphBuilder();
  const shape = [1, 1, SIDE, SIDE];
  const x = builder.input({ dtype: "float32", shape });
  const half = builder.cast(x, type);
  const one = builder.cast(builder.emit("ReduceMax", [x], { dtype: "float32", shape: [1, 1, 1, 1] }), type);
  const spec = { dtype: type, shape } as const;
  const products = [
    builder.emit("MatMul", [half, half], spec),
    builder.emit("Conv", [half, one], spec),
    builder.emit("ConvTranspose", [half, one], spec),
  ];
  const [first, second, third] = products.map((product) => builder.cast(product, "float32"));
  if (first === undefined || second === undefined || third === undefined) throw new Error("three products were made");
  const result = { dtype: "float32", shape } as const;
  const y = builder.emit("Add", [builder.emit("Add", [first, second], result), third], result);
  const model = onnxModel({
    inputs: [{ name: "x", value: x }],
    nodes: builder.nodes,
    outputs: [{ name: "y", value: y }],
  });
  return { type, model: Buffer.from(model).toString("base64"), shape, expected: SIDE + 2 };
}
