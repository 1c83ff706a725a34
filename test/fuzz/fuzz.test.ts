import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import fc from "fast-check";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";
import { rawZip } from "../zip/rawZip.js";
import { somePickle } from "./grammar.js";
import { loadSeeds, mutant } from "./mutate.js";

/** `npm run fuzz -- --minutes N` sets this; without it the run is a short one of known seeds. */
const MINUTES = Number(process.env["LTRAIN_FUZZ_MINUTES"] ?? 0);
const FIRST_SEED = Number(process.env["LTRAIN_FUZZ_SEED"] ?? 1);
const SHORT_RUN = 150;
/** Time of the processor, not of the clock: the machine may do other things. A file of a few kilobytes needs far less. */
const MAX_MILLIS = 5000;
/** And the process, in which other suites may have run before, grows by less than this. */
const MAX_GROWTH = 768 * 2 ** 20;
const RSS_BEFORE = process.memoryUsage.rss();

let folder: string;
let last: Promise<void> = Promise.resolve();
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fuzz-"));
});
afterAll(async () => {
  await last.catch(() => undefined); // a run that is interrupted leaves a case behind
  rmSync(folder, { recursive: true });
});

const COMMANDS = [["inspect", "--json"], ["inspect"], ["verify"], ["inspect", "--globals"]] as const;

/** Read a file with every command: each must end soon, with an answer or with one error, and the process stay small. */
function read(bytes: Uint8Array, extension: string): Promise<void> {
  last = readWithAll(bytes, extension);
  return last;
}

async function readWithAll(bytes: Uint8Array, extension: string): Promise<void> {
  const path = join(folder, `case${extension}`);
  writeFileSync(path, bytes);
  for (const command of COMMANDS) {
    const terminal = recordingTerminal();
    const began = process.cpuUsage();
    const code = await run(["node", "ltrain", ...command, path], terminal);
    const { user, system } = process.cpuUsage(began);
    const millis = (user + system) / 1000;
    if (![0, 3].includes(code)) throw new Error(`${command.join(" ")} ended with ${code}: ${terminal.messages}`);
    if (millis > MAX_MILLIS) throw new Error(`${command.join(" ")} took ${Math.round(millis)} ms`);
    const growth = process.memoryUsage.rss() - RSS_BEFORE;
    if (growth > MAX_GROWTH) throw new Error(`${command.join(" ")} left ${growth} bytes more`);
  }
}

test(
  "changed files, real and hostile ones, are read or refused: no crash, no hang, no memory without end",
  async () => {
    const seeds = await loadSeeds();
    expect(seeds.length).toBeGreaterThan(300);
    const end = performance.now() + MINUTES * 60_000;
    const more = (count: number): boolean => (MINUTES > 0 ? performance.now() < end : count < SHORT_RUN);
    for (let count = 0; more(count); count += 1) {
      const seed = FIRST_SEED + count;
      const { name, bytes } = mutant(seeds, seed);
      try {
        await read(bytes, extname(name.split(" ")[0] ?? ""));
      } catch (error) {
        throw new Error(`seed ${seed}, ${name}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      }
      if (MINUTES > 0 && count % 1000 === 999) process.stderr.write(`${count + 1} files, seed ${seed}\n`);
    }
  },
  (MINUTES + 2) * 60_000,
);

test(
  "pickles of any opcodes in any order are read or refused",
  async () => {
    await fc.assert(
      fc.asyncProperty(somePickle, async (program) => {
        const records = [
          { name: "archive/data.pkl", payload: program },
          { name: "archive/data/0", payload: new Uint8Array(24) },
          { name: "archive/version", payload: Buffer.from("3\n") },
        ];
        await read(rawZip(records), ".ckpt");
      }),
      MINUTES > 0 ? { interruptAfterTimeLimit: MINUTES * 20_000, numRuns: 1e7 } : { numRuns: 100, seed: FIRST_SEED },
    );
  },
  (MINUTES + 2) * 60_000,
);

const someRecord = fc.record(
  {
    name: fc.oneof(
      fc.constantFrom("archive/data.pkl", "archive/data/0", "archive/version", "archive/byteorder", "../x", "a\0b"),
      fc.string({ maxLength: 12 }),
    ),
    payload: fc.oneof(fc.uint8Array({ maxLength: 60 }), somePickle),
    method: fc.constantFrom(0, 0, 0, 8, 8, 12, 99),
    flags: fc.constantFrom(0, 0x800, 0x808, 1),
    crc32: fc.nat(),
    byteLength: fc.constantFrom(0, 1, 24, 0x7fffffff, 0xffffffff),
    compressedLength: fc.constantFrom(0, 1, 24, 0x7fffffff, 0xffffffff),
    offset: fc.nat({ max: 400 }),
    extra: fc.uint8Array({ maxLength: 20 }),
  },
  { requiredKeys: ["name", "payload"] },
);
const someEnd = fc.record(
  {
    entryCount: fc.constantFrom(0, 1, 3, 0xffff),
    directoryLength: fc.nat({ max: 500 }),
    directoryOffset: fc.oneof(fc.nat({ max: 500 }), fc.constant(0xffffffff)),
    comment: fc.uint8Array({ maxLength: 30 }),
    prefix: fc.uint8Array({ maxLength: 8 }),
  },
  { requiredKeys: [] },
);

test(
  "zip archives with any lies in their headers are read or refused",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(someRecord, { maxLength: 5 }), someEnd, async (records, end) => {
        await read(rawZip(records, end), ".ckpt");
      }),
      MINUTES > 0 ? { interruptAfterTimeLimit: MINUTES * 20_000, numRuns: 1e7 } : { numRuns: 100, seed: FIRST_SEED },
    );
  },
  (MINUTES + 2) * 60_000,
);
