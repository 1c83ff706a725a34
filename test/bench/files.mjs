import { copyFileSync, mkdtempSync, rmSync, statfsSync, statSync } from "node:fs";
import { arch, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LTRAIN, median, PYTHON, requirePeer, watch, writeDocument } from "./measure.mjs";

const PEER = fileURLToPath(new URL("peer_files.py", import.meta.url));
const GIGABYTE = 1e9;
/** Rows of every weight in the file of 4 GB. */
const SPARSE_ROWS = 1024;

const seconds = (value) => (value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(2)} s`);
const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

/** Run several commands in turns; the medians of each: seconds and the most memory. */
async function interleaved(rounds, commands) {
  const runs = commands.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, { command, args, before }] of commands.entries()) {
      before?.();
      runs[index].push(await watch(command, args));
    }
  }
  return runs.map((each, index) => ({
    name: commands[index].name,
    seconds: median(each.map((run) => run.seconds)),
    peak: median(each.map((run) => run.peakBytes)),
    lines: each.at(-1).lines.length,
  }));
}

const node = (name, ...args) => ({ name, command: process.execPath, args });
const ltrain = (name, ...args) => node(name, LTRAIN, ...args);
const python = (name, ...args) => ({ name, command: PYTHON, args: [PEER, ...args] });

/** Make a file with real torch; what torch says of it is one line of JSON. */
async function make(kind, path, ...args) {
  const { lines } = await watch(PYTHON, [PEER, kind, path, ...args.map(String)]);
  return JSON.parse(lines.at(-1).line);
}

/** inspect --keys of a file against a node that does nothing, and against torch.load if that can open it. */
async function overview(path, rounds, withPeer = true) {
  const ours = [node("node -e 0", "-e", "0"), ltrain("inspect --keys", "inspect", "--keys", path)];
  const theirs = [python("torch.load(mmap=True, weights_only=True)", "load", path), python("import torch", "import")];
  return interleaved(rounds, withPeer ? [...ours, ...theirs] : ours);
}

function overviewRows(name, [bare, ours, theirs, imported], limits) {
  const rows = [
    [`${name}: beyond \`node -e 0\` (${seconds(bare.seconds)})`, seconds(ours.seconds - bare.seconds), limits.more],
    [`${name}: most memory`, megabytes(ours.peak), limits.peak],
  ];
  if (theirs === undefined) return rows;
  const ratio = (theirs.seconds / ours.seconds).toFixed(1);
  return [
    ...rows,
    [
      `${name}: torch.load(mmap=True, weights_only=True), of which importing torch ${seconds(imported.seconds)}`,
      `${seconds(theirs.seconds)}, **${ratio}×** as long`,
      limits.ratio,
    ],
  ];
}

async function extraction(path, folder, rounds) {
  const out = join(folder, "extracted.pt");
  const copy = join(folder, "copy.pt");
  const first = await watch(process.execPath, [LTRAIN, "extract", path, "--prefix", "encoder.", "-o", out]);
  const size = statSync(out).size;
  const original = join(folder, "original.pt");
  copyFileSync(out, original);
  const [cp, ours] = await interleaved(rounds, [
    { name: "cp", command: "cp", args: [original, copy], before: () => rmSync(copy, { force: true }) },
    {
      ...ltrain("extract", "extract", path, "--prefix", "encoder.", "-o", out),
      before: () => rmSync(out, { force: true }),
    },
  ]);
  for (const file of [out, copy, original]) rmSync(file, { force: true });
  const gigabytes = `${(size / GIGABYTE).toFixed(2)} GB`;
  return [
    [
      `extract of ${gigabytes} against \`cp\` of its result (${seconds(cp.seconds)})`,
      `${seconds(ours.seconds)} = **${(ours.seconds / cp.seconds).toFixed(2)}×**`,
      "1.3×",
    ],
    [`extract of ${gigabytes}: most memory`, megabytes(Math.max(ours.peak, first.peakBytes)), "120 MB"],
  ];
}

async function verification(path, rounds) {
  const { size } = statSync(path);
  await watch("sh", ["-c", 'cat "$0" > /dev/null', path]); // into the page cache
  const [bare, ours] = await interleaved(rounds, [node("node -e 0", "-e", "0"), ltrain("verify", "verify", path)]);
  const rate = size / GIGABYTE / (ours.seconds - bare.seconds);
  return [
    [`verify of ${(size / GIGABYTE).toFixed(1)} GB, cached, one core`, `**${rate.toFixed(2)} GB/s**`, "2 GB/s"],
    ["verify: most memory", megabytes(ours.peak), "–"],
  ];
}

async function help(rounds) {
  const [bare, ours] = await interleaved(rounds, [node("node -e 0", "-e", "0"), ltrain("--help", "--help")]);
  return [["`ltrain --help` beyond `node -e 0`", seconds(ours.seconds - bare.seconds), "40 ms"]];
}

/** Refuse before half of it is written: three times the file, for the extraction and its copies. */
function requireSpace(folder, bytes) {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= bytes * 2) return;
  console.error(`error: ${folder} has ${megabytes(bavail * bsize)} left, and ${megabytes(bytes * 2)} are needed`);
  process.exit(6);
}

/** npm run bench -- files [--gigabytes 4] [--rounds 5] [--folder /tmp] [--only keys,many,sparse,extract,verify,help] [--write] */
export async function main(args) {
  const { values } = parseArgs({
    args,
    options: {
      gigabytes: { type: "string", default: "4" },
      rounds: { type: "string", default: "5" },
      folder: { type: "string", default: tmpdir() },
      only: { type: "string" },
      write: { type: "boolean" },
    },
  });
  requirePeer();
  const gigabytes = Number(values.gigabytes);
  const rounds = Number(values.rounds);
  const wanted = (part) => values.only === undefined || values.only.split(",").includes(part);
  requireSpace(values.folder, gigabytes * GIGABYTE);
  const folder = mkdtempSync(join(values.folder, "ltrain-bench-files-"));
  const rows = [];
  const add = (more) => {
    rows.push(...more);
    for (const row of more) console.error(row.join("  |  "));
  };
  try {
    const large = join(folder, "large.ckpt");
    const about = await make("make", large, gigabytes);
    const size = `${gigabytes} GB, ${about.tensors} tensors`;
    if (wanted("keys")) {
      add(
        overviewRows(`inspect --keys of ${size}`, await overview(large, rounds), {
          more: "60 ms",
          peak: "80 MB",
          ratio: "20×",
        }),
      );
    }
    if (wanted("extract")) add(await extraction(large, folder, rounds));
    if (wanted("verify")) add(await verification(large, rounds));
    rmSync(large);
    if (wanted("sparse")) {
      const sparse = join(folder, "sparse.ckpt");
      // Ten times the file twice: with tensors ten times as large, and with ten times as many of them.
      for (const rows of [SPARSE_ROWS * 10, SPARSE_ROWS]) {
        const { tensors } = await make("sparse", sparse, 40, rows);
        const runs = await overview(sparse, rounds, false); // torch maps all of it, which takes more memory than there is
        const name = `inspect --keys of 40 GB, sparse, ${tensors} tensors`;
        add(overviewRows(name, runs, { more: "60 ms", peak: "80 MB", ratio: "20×" }));
        rmSync(sparse);
      }
    }
    if (wanted("many")) {
      const many = join(folder, "many.ckpt");
      await make("many", many, 100_000);
      const runs = await overview(many, Math.min(rounds, 3));
      add([
        ["inspect --keys of 100,000 tensors, from start to end", seconds(runs[1].seconds), "1 s"],
        ...overviewRows("100,000 tensors", runs, { more: "–", peak: "–", ratio: "–" }).slice(1),
      ]);
      rmSync(many);
    }
    if (wanted("help")) add(await help(rounds * 2));
    const text = [
      `Measured ${new Date().toISOString().slice(0, 10)} with \`npm run bench -- files --gigabytes ${gigabytes} --rounds ` +
        `${rounds}\` on ${cpus().length} cores (${cpus()[0].model.trim()}, ${arch()}); Node ${process.version}, torch ` +
        `${about.torch}. The file is made by real torch as Lightning lays it out. Runs interleaved, medians.`,
      "",
      [["what", "measured", "target"], ["---", "---", "---"], ...rows]
        .map((row) => `| ${row.join(" | ")} |`)
        .join("\n"),
    ].join("\n");
    console.log(text);
    if (values.write) await writeDocument("files", text);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
