import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("../../bin/ltrain.js", import.meta.url));
const CHECKPOINT = fileURLToPath(new URL("../fixtures/trained/mlp-adam-none/final.ckpt", import.meta.url));

test("output that finds no room is told as a full disk, exit code 6", () => {
  const command = `exec "$0" "$1" inspect "$2" > /dev/full`; // every write to it fails with ENOSPC
  const { status, stderr } = spawnSync("sh", ["-c", command, process.execPath, BIN, CHECKPOINT], { encoding: "utf8" });
  expect(stderr).toMatch(/^error: cannot write to the standard output: no space left \(ENOSPC\)$/m);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(status).toBe(6);
});
