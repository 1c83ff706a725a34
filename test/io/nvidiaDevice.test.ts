import { whyNoNvidiaDevice } from "../../src/io/nvidiaDevice.js";

const everywhere = (): boolean => true;
const nowhere = (): boolean => false;

test("a machine without a driver has no device, and nothing needs to be loaded to know", () => {
  expect(whyNoNvidiaDevice({}, nowhere)).toBe("this machine shows no NVIDIA driver");
});

test("CUDA_VISIBLE_DEVICES hides all devices when its first number is none", () => {
  for (const hidden of ["", "-1", " -1,0"]) {
    expect(whyNoNvidiaDevice({ CUDA_VISIBLE_DEVICES: hidden }, everywhere)).toMatch(/CUDA_VISIBLE_DEVICES/);
  }
});

// macOS has no NVIDIA driver to look for.
(process.platform === "darwin" ? test.skip : test)("a driver may have a device", () => {
  for (const visible of [undefined, "0", "0,-1", "GPU-8932f937"]) {
    expect(whyNoNvidiaDevice({ CUDA_VISIBLE_DEVICES: visible }, everywhere)).toBeNull();
  }
});
