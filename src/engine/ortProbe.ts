import { createRequire } from "node:module";
import type { ChildResult } from "../io/childProcess.js";
import { runNode, runProgram } from "../io/childProcess.js";
import { GraphBuilder } from "./graphBuilder.js";
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
    }
  | { readonly works: false; readonly reason: string };

/** Adds 1 to 1 on the device: a device that is there and cannot do that is of no use. */
const PROBE = `
const [ort, provider, model] = [require(args[0]), args[1], Buffer.from(args[2], "base64")];
ort.InferenceSession.create(model, { executionProviders: [provider] })
  .then((session) => session.run({ x: new ort.Tensor("float32", Float32Array.of(1), [1]) }))
  .then(({ y }) => tell("sum " + y.data[0]))
  .catch((error) => tell("failed " + error.message.replaceAll("\\n", " ")));
`;
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
  const model = Buffer.from(sumModel()).toString("base64");
  const result = await runNode(PROBE, [main, provider, model], {
    // Vulkan's loader then tells which device of which driver was taken.
    environment: { VK_LOADER_DEBUG: "error,warn,info,driver" },
    timeoutMs: PROBE_MS,
  });
  if (!result.stdout.includes("sum 2")) return { works: false, reason: failureOf(result) };
  if (provider === "cpu") return { works: true, name: null, driver: null, isSoftware: false };
  if (provider === "cuda") return { works: true, ...(await askNvidia()), isSoftware: false };
  const { name, driver } = vulkanDevice(result.stderr);
  return { works: true, name, driver, isSoftware: SOFTWARE.test(`${name ?? ""} ${driver ?? ""}`) };
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
