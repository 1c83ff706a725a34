import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const LTRAIN = fileURLToPath(new URL("../../bin/ltrain.js", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../configs/mnist-autoencoder.yaml", import.meta.url));

// What ONNX Runtime 1.30 leaves there by itself: ~/.cache/Microsoft/DeveloperTools/.onnxruntime, /tmp/mat-debug-PID.log.
test.each([
  ["a training", ["train", "--config", CONFIG, "--trainer.max_steps", "1", "--trainer.limit_val_batches", "1"]],
  ["doctor, which tries every device", ["doctor"]],
])("%s reports to nobody, and leaves nothing in the home folder and the temp folder", (_, words) => {
  const folder = mkdtempSync(join(tmpdir(), "silent-"));
  try {
    const started = { home: join(folder, "home"), temp: join(folder, "temp"), work: join(folder, "work") };
    const env = { ...process.env, HOME: started.home, XDG_CACHE_HOME: undefined, TMPDIR: started.temp };
    spawnSync("mkdir", Object.values(started));
    const { pid, status } = spawnSync(process.execPath, [LTRAIN, ...words], {
      cwd: started.work,
      env,
      encoding: "utf8",
    });
    expect(status).toBe(0);
    expect(readdirSync(started.home)).toEqual([]);
    expect(readdirSync(started.temp).filter((name) => name.startsWith("mat-debug"))).toEqual([]);
    expect(existsSync(`/tmp/mat-debug-${pid}.log`)).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
