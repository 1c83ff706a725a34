import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";
import type { RecordingTerminal } from "../../src/io/console.js";

const CHECKPOINT = fileURLToPath(
  new URL("../fixtures/lightning/plateau-earlystopping-topk-best.ckpt", import.meta.url),
);
const EVIL = "</script><img src=x onerror=alert(1)>";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "ltrain-report-"));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

/** A run's folder with curves, a config and a checkpoint of Lightning's. */
async function makeRun(name: string, lr: number): Promise<string> {
  const folder = join(root, name);
  await mkdir(join(folder, "checkpoints"), { recursive: true });
  const rows = Array.from(
    { length: 50 },
    (_, i) => `${Math.floor(i / 10)},${i},${1 / (i + 1)},\r\n${Math.floor(i / 10)},${i},,${2 / (i + 1)}\r\n`,
  );
  await writeFile(join(folder, "metrics.csv"), `epoch,step,train_loss,val_loss\r\n${rows.join("")}`);
  await writeFile(
    join(folder, "config.yaml"),
    `model:\n  class_path: Net\n  init_args: {lr: ${lr}, note: "${EVIL}"}\n`,
  );
  await copyFile(CHECKPOINT, join(folder, "checkpoints", "epoch=3-step=16.ckpt"));
  return folder;
}

async function ltrain(...args: string[]): Promise<RecordingTerminal & { code: number }> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  return Object.assign(terminal, { code });
}

test("a report holds curves, config, model, checkpoints and weights, and no markup out of files", async () => {
  const folder = await makeRun("version_0", 0.1);
  const output = join(root, "report.html");
  expect((await ltrain("report", folder, "-o", output)).code).toBe(0);
  const page = await readFile(output, "utf8");
  const headings = [...page.matchAll(/<h2>(.*?)<\/h2>/g)].map((match) => match[1]);
  expect(headings).toEqual(["Curves", "Model", "Weights", "Checkpoints", "Config"]);
  for (const part of ["encoder.l1.0.weight", "epoch=3-step=16.ckpt", "&lt;img src=x"]) {
    expect(page.includes(part)).toBe(true);
  }
  expect(page.includes("<img")).toBe(false);
  expect(page.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:|<link|@import|\bsrc="/);
});

test("a report is not written over another file, and says so before anything is read", async () => {
  const folder = await makeRun("version_0", 0.1);
  const output = join(root, "report.html");
  await writeFile(output, "mine");
  const refused = await ltrain("report", folder, "-o", output);
  expect([refused.code, await readFile(output, "utf8")]).toEqual([5, "mine"]);
  expect(refused.messages).toContain("exists already");
  expect((await ltrain("report", folder, "-o", output, "--force", "--no-weights")).code).toBe(0);
  expect(await readFile(output, "utf8")).not.toContain("<h2>Weights</h2>");
  expect((await ltrain("report", folder, "-o", join(root, "x.pdf"))).code).toBe(2);
});

test("several runs are compared: a curve each, and the keys in which their configs differ", async () => {
  const [a, b] = [await makeRun("a", 0.1), await makeRun("b", 0.2)];
  const output = join(root, "compare.html");
  const { code, output: json } = await ltrain("report", a, b, "-o", output, "--json");
  expect(code).toBe(0);
  expect(JSON.parse(json)).toMatchObject({ schema_version: 1, path: output, runs: [a, b] });
  const page = await readFile(output, "utf8");
  const differ = page.slice(page.indexOf("Where their configs differ"), page.indexOf("<h2>Curves"));
  expect(differ).toMatch(/model\.lr<\/code><\/td><td><code>0\.1<\/code><\/td><td><code>0\.2/);
  expect(differ).not.toContain("class_path");
});

test("runs lists what is below a folder, also as JSON", async () => {
  await makeRun("lightning_logs/version_0", 0.1);
  const { code, output } = await ltrain("runs", root);
  expect(code).toBe(0);
  expect(output).toMatch(/lightning_logs\/version_0 +unknown +val_loss 0\.06459 +4 +50 /);
  const { runs } = JSON.parse((await ltrain("runs", root, "--json")).output) as { runs: Record<string, unknown>[] };
  expect(runs).toEqual([expect.objectContaining({ state: "unknown", epochs: 4, global_step: 50 })]);
  expect((await ltrain("runs", join(root, "nowhere"))).code).toBe(4);
});

test("a legend fits the terminal: what is least telling goes, and long names are shortened", async () => {
  const long = `runs/${"a-very-long-name-".repeat(3)}`;
  const [one, two] = [await makeRun(`${long}/version_0`, 0.1), await makeRun(`${long}x/version_0`, 0.2)];
  const { output } = await ltrain("plot", one, two);
  for (const line of output.split("\n")) expect(Array.from(line).length).toBeLessThan(80);
  expect(output).toMatch(/^ {3}a .*….* {2}last 0\.02/m);
  expect(output).toMatch(/^ {3}b .*….* {2}last 0\.02/m);
});

test("plot draws in the terminal, gives the points as JSON, and writes pictures by the name's end", async () => {
  const folder = await makeRun("version_0", 0.1);
  const drawn = await ltrain("plot", folder, "--log");
  expect(drawn.code).toBe(0);
  expect(drawn.output).toContain("loss (logarithmic)");
  expect(drawn.output).toContain("a train_loss  last 0.02  lowest 0.02 at 49  highest 1 at 0");
  for (const line of drawn.output.split("\n")) expect(line.length).toBeLessThan(80);
  const { charts } = JSON.parse((await ltrain("plot", folder, "--json", "--metric", "val*")).output) as {
    charts: { series: { label: string; x: number[]; y: number[] }[] }[];
  };
  expect(charts).toHaveLength(1);
  expect(charts[0]?.series[0]?.y.slice(0, 2)).toEqual([2, 1]);
  for (const [file, head] of [
    ["a.svg", "<svg"],
    ["a.html", "<!doctype html>"],
    ["a.png", "\u0089PNG"],
  ] as const) {
    expect((await ltrain("plot", folder, "-o", join(root, file))).code).toBe(0);
    expect((await readFile(join(root, file))).toString("latin1").startsWith(head)).toBe(true);
  }
  expect((await ltrain("plot", folder, "-o", join(root, "a.jpg"))).code).toBe(2);
  expect((await ltrain("plot", folder, "--smooth", "1")).code).toBe(2);
  expect((await ltrain("plot", folder, "--metric", "val_los")).messages).toContain('did you mean "val_loss"?');
});

const CHROMIUM = process.env["LTRAIN_CHROMIUM"] ?? "/usr/bin/chromium";

/** A test in a real browser: skipped aloud where there is none. */
function browserTest(name: string, body: () => Promise<void>): void {
  if (existsSync(CHROMIUM)) {
    test(name, body, 120_000);
    return;
  }
  process.stderr.write(`not run for want of ${CHROMIUM}, which Debian's package chromium has: ${name}\n`);
  // The reason: there is no browser to look with.
  test.skip(name, body);
}

interface Seen {
  readonly background: string;
  readonly overflow: number;
  readonly charts: number;
  readonly readout: string;
  readonly problems: string[];
}

/** What a browser of some width makes of a page, in light or dark. */
async function seenBy(page: string, width: number, theme: "light" | "dark"): Promise<Seen> {
  const probed = join(root, `probe-${width}-${theme}.html`);
  await copyFile(page, probed);
  await appendFile(
    probed,
    `<script>
      const seen = { problems: [] };
      addEventListener("securitypolicyviolation", (event) => seen.problems.push(event.violatedDirective));
      addEventListener("error", (event) => seen.problems.push(event.message));
      const svg = document.querySelector("figure[data-chart] svg");
      const box = svg.getBoundingClientRect();
      svg.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + box.width * 0.6, clientY: box.top + 50 }));
      seen.readout = document.querySelector(".readout").textContent;
      seen.background = getComputedStyle(document.body).backgroundColor;
      seen.overflow = document.documentElement.scrollWidth - innerWidth;
      seen.charts = [...document.querySelectorAll("figure[data-chart] svg")].filter((each) => each.getBoundingClientRect().height > 60).length;
      document.body.innerHTML = "<pre>" + JSON.stringify(seen) + "</pre>";
    </script>`,
  );
  const flags = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    `--window-size=${width},900`,
    `--user-data-dir=${join(root, "profile")}`,
  ];
  const scheme = `--blink-settings=preferredColorScheme=${theme === "dark" ? 0 : 1}`;
  const dom = execFileSync(CHROMIUM, [...flags, scheme, "--dump-dom", `file://${probed}`], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return JSON.parse(/<pre>(.*?)<\/pre>/s.exec(dom)?.[1] ?? "null") as Seen;
}

browserTest(
  "in a real browser a report is as wide as the window, light or dark, and tells the values under the pointer",
  async () => {
    const output = join(root, "report.html");
    await ltrain("report", await makeRun("version_0", 0.1), "-o", output);
    const backgrounds = { light: "rgb(255, 255, 255)", dark: "rgb(20, 24, 28)" };
    for (const theme of ["light", "dark"] as const) {
      for (const width of [1200, 500]) {
        const seen = await seenBy(output, width, theme);
        expect(seen).toMatchObject({ background: backgrounds[theme], charts: 1, problems: [] });
        expect(seen.overflow).toBeLessThanOrEqual(0);
        expect(seen.readout).toMatch(/^step \d+train_loss {2}0\.0\d+val_loss {2}0\.0\d+$/);
      }
    }
  },
);
