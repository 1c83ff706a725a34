import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("../../scripts/build-tfjs-node-gpu.mjs", import.meta.url));

// It builds on Linux only, and says so elsewhere.
const onLinux = process.platform === "linux" ? test : test.skip;

function build(...args: string[]): { status: number | null; stderr: string } {
  return spawnSync(process.execPath, [SCRIPT, ...args], { encoding: "utf8" });
}

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ltrain-build-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

onLinux("an option that there is not ends in one line that names those there are", () => {
  const { status, stderr } = build("--gpu");
  expect(status).toBe(1);
  expect(stderr).toMatch(/^error: .*--gpu.*the options are --package NAME, --wheel FILE\.whl and --python COMMAND\n$/);
});

onLinux("a wheel that is not there is named", () => {
  expect(build("--wheel", "no/such.whl")).toMatchObject({ status: 1, stderr: "error: no/such.whl does not exist\n" });
});

onLinux("a Python that is not there is named before anything is fetched", () => {
  const { status, stderr } = build("--python", "no-such-python");
  expect(status).toBe(1);
  expect(stderr).toMatch(/^error: no-such-python is needed .*--python/);
});

onLinux("a wheel without TensorFlow's libraries is refused before the addon is touched", () => {
  const wheel = join(folder, "empty.whl");
  writeFileSync(wheel, Uint8Array.of(0x50, 0x4b, 5, 6, ...Array.from({ length: 18 }, () => 0))); // an empty zip
  const { status, stderr } = build("--wheel", wheel);
  expect(status).toBe(1);
  expect(stderr).toMatch(/error: .*empty\.whl is no TensorFlow wheel for Linux: it has no include/);
});
