import { webgpuState } from "../../src/engine/gpuWays.js";
import { vulkanDevice } from "../../src/engine/ortProbe.js";

const H200 = { works: true, name: "NVIDIA H200", driver: "libGLX_nvidia.so.0", isSoftware: false, halves: [] } as const;
const SWIFTSHADER = {
  works: true,
  name: "SwiftShader Device",
  driver: "libvk_swiftshader.so",
  isSoftware: true,
  halves: [],
} as const;
const NAMELESS = { works: true, name: null, driver: null, isSoftware: false, halves: [] } as const;

test("Vulkan's loader tells which device was taken, newer ones with its driver", () => {
  const log = `INFO | DRIVER:         Sorted order:
INFO | DRIVER:               [0] NVIDIA H200  \n
DRIVER | LAYER:          Using "NVIDIA H200" with driver: "libGLX_nvidia.so.0"\n`;
  expect(vulkanDevice(log)).toEqual({ name: "NVIDIA H200", driver: "libGLX_nvidia.so.0" });
  expect(vulkanDevice(log.slice(0, log.indexOf("DRIVER | LAYER")))).toEqual({ name: "NVIDIA H200", driver: null });
  expect(vulkanDevice("")).toEqual({ name: null, driver: null });
});

test("a GPU is taken by itself, and has its name and its driver's", () => {
  expect(webgpuState(H200, false, null)).toMatchObject({
    works: true,
    device: "WebGPU: NVIDIA H200 (Vulkan)",
    driver: "libGLX_nvidia.so.0",
    isAutomatic: true,
  });
});

test("a driver that computes on the CPU is taken only where it is asked for, and never by itself", () => {
  expect(webgpuState(SWIFTSHADER, false, null)).toMatchObject({
    works: false,
    reason: "its only device is SwiftShader Device, which computes on the CPU",
  });
  expect(webgpuState(SWIFTSHADER, true, null)).toMatchObject({ works: true, isAutomatic: false });
});

test("a device without a name is a GPU only where the machine shows one", () => {
  expect(webgpuState(NAMELESS, false, null)).toMatchObject({ works: true, device: "WebGPU: GPU", isAutomatic: true });
  expect(webgpuState(NAMELESS, false, "nothing in /dev/dri")).toMatchObject({ works: false });
});
