import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("../../bin/ltrain.js", import.meta.url));
const HOSTILE = fileURLToPath(new URL("../fixtures/hostile/", import.meta.url));

/**
 * Tells at the end what the process took: seconds of the processor, which do not grow when the machine does other things,
 * and the most memory it has had itself: maxRSS counts that of the test's process too, of which it was begun.
 */
const TELL = `
import { readFileSync } from "node:fs";
process.on("exit", () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  const [, kilobytes] = /VmHWM:\\s+(\\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"));
  process.stderr.write("\\nCOST " + (userCPUTime + systemCPUTime) / 1e6 + " " + kilobytes / 1024);
});`;

interface Cost {
  readonly code: number | null;
  readonly seconds: number;
  readonly megabytes: number;
}

function costOf(args: readonly string[]): Cost {
  const { status, stderr } = spawnSync(
    process.execPath,
    ["--import", `data:text/javascript,${encodeURIComponent(TELL)}`, BIN, ...args],
    { encoding: "utf8", maxBuffer: 1 << 28 },
  );
  const [, seconds, megabytes] = /COST (\S+) (\S+)$/.exec(stderr) ?? [];
  return { code: status, seconds: Number(seconds), megabytes: Number(megabytes) };
}

// Of the whole corpus these took the most time or memory, of each kind of abuse some.
test.each([
  "zip-bomb-deflate-256MB.ckpt",
  "zip-bomb-pickle.ckpt",
  "zip-bomb-lying-usize.ckpt",
  "zip-many-entries.ckpt",
  "pickle-deep-dict-30k.ckpt",
  "pickle-deep-list-100k.ckpt",
  "pickle-dup-amplify.ckpt",
  "pickle-billion-laughs-dict-lists.ckpt",
  "pickle-memo-40k.ckpt",
  "pickle-global-very-long.ckpt",
  "storage-claims-1TB.ckpt",
  "st-header-length-200MB.safetensors",
])("%s is answered soon, in less than 300 MB", (file) => {
  for (const args of [["inspect"], ["inspect", "--json", "--sha256"], ["verify"]]) {
    const { code, seconds, megabytes } = costOf([...args, HOSTILE + file]);
    expect([0, 3]).toContain(code);
    // Starting node and the command is in it; the machine may be a slow one, and shared.
    expect({ args, seconds, isSoon: seconds < 2 }).toEqual({ args, seconds, isSoon: true });
    expect({ args, megabytes, isSmall: megabytes < 300 }).toEqual({ args, megabytes, isSmall: true });
  }
});
