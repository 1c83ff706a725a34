import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../src/cli/main.js";
import type { RecordingTerminal } from "../../src/io/console.js";
import { recordingTerminal } from "../../src/io/console.js";
import { openFile } from "../../src/io/fileSource.js";
import { openZip } from "../../src/zip/zipReader.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));
const CHECKPOINT = `${FIXTURES}lightning/autoencoder-adam-steplr.ckpt`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "verify-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

async function verify(...args: string[]): Promise<{ readonly code: number; readonly terminal: RecordingTerminal }> {
  const terminal = recordingTerminal();
  return { code: await run(["node", "ltrain", "verify", ...args], terminal), terminal };
}

interface Report {
  readonly sound: boolean;
  readonly files: readonly {
    readonly path: string;
    readonly sound: boolean;
    readonly format: string | null;
    readonly bytes: number | null;
    readonly checksums: { readonly right: number; readonly wrong: number; readonly absent: number };
    readonly tensors: number | null;
    readonly problems: readonly {
      readonly code: string;
      readonly message: string;
      readonly record: string | null;
      readonly offset: number | null;
      readonly paths: readonly string[];
    }[];
    readonly notes: readonly string[];
  }[];
}

async function report(...paths: string[]): Promise<Report & { readonly code: number }> {
  const { code, terminal } = await verify("--json", ...paths);
  return { code, ...(JSON.parse(terminal.output) as Report) };
}

/** Where each record's content begins. */
async function payloads(path: string): Promise<ReadonlyMap<string, { readonly at: number; readonly offset: number }>> {
  const source = await openFile(path);
  const places = new Map<string, { at: number; offset: number }>();
  for (const [name, entry] of (await openZip(source)).entries) {
    places.set(name, { at: await entry.payloadOffset(), offset: entry.offset });
  }
  await source.close();
  return places;
}

function flipBit(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

test("a file of Lightning is sound: every checksum is right, every tensor lies in its storage", async () => {
  const twin = JSON.parse(readFileSync(CHECKPOINT.replace(/ckpt$/, "json"), "utf8")) as { tensors: object };
  const { code, sound, files } = await report(CHECKPOINT);
  expect({ code, sound }).toEqual({ code: 0, sound: true });
  expect(files).toEqual([
    {
      path: CHECKPOINT,
      sound: true,
      format: "torch-zip",
      bytes: readFileSync(CHECKPOINT).byteLength,
      checksums: { right: (await payloads(CHECKPOINT)).size, wrong: 0, absent: 0 },
      tensors: Object.keys(twin.tensors).length,
      problems: [],
      notes: [],
    },
  ]);
});

test("a bit that flips in any record is found, with the record, its byte and the tensors in it", async () => {
  const path = join(folder, "flipped.ckpt");
  for (const [name, { at, offset }] of await payloads(CHECKPOINT)) {
    copyFileSync(CHECKPOINT, path);
    flipBit(path, at);
    const { code, files } = await report(path);
    expect(code).toBe(3);
    expect(files[0]?.problems[0]).toMatchObject({ code: "checkpoint.malformed", record: name, offset });
    expect(files[0]?.problems[0]?.message).toContain("its checksum is");
    if (name === "archive/data/0") expect(files[0]?.problems[0]?.paths).toEqual(['state_dict["encoder.l1.0.weight"]']);
  }
});

test("a file that was cut off says at which byte, and which record was the last whole one", async () => {
  const path = join(folder, "cut.ckpt");
  const places = await payloads(CHECKPOINT);
  copyFileSync(CHECKPOINT, path);
  truncateSync(path, (places.get("archive/data/6")?.at ?? 0) + 3);
  const { code, terminal } = await verify(path);
  expect(code).toBe(3);
  expect(terminal.messages).toContain("the file is cut short");
  expect(terminal.messages).toContain('the last whole record, number 10, is "archive/data/5"');
  expect(terminal.messages).toContain(`record "archive/data/6" begins at byte ${places.get("archive/data/6")?.offset}`);
});

test.each([
  ["torch/zip-crc32-off.pt", "torch-zip", "the writer left out the checksums"],
  ["torch/st-float16.safetensors", "safetensors", "safetensors has no checksums"],
  ["torch/legacy-state-dict.pth", "torch-legacy", "files of torch before 1.6 have no checksums"],
])("%s is sound, and it is said that a wrong bit in it could not be seen", async (name, format, note) => {
  const { code, files } = await report(FIXTURES + name);
  expect(code).toBe(0);
  expect(files[0]).toMatchObject({ format, sound: true, checksums: { right: 0, wrong: 0 } });
  expect(files[0]?.checksums.absent).toBeGreaterThan(0);
  expect(files[0]?.notes.join()).toContain(note);
});

test("safetensors and legacy files that lost their last byte are not sound", async () => {
  for (const name of ["torch/st-float16.safetensors", "torch/legacy-state-dict.pth"]) {
    const path = join(folder, name.slice(6));
    copyFileSync(FIXTURES + name, path);
    truncateSync(path, readFileSync(path).byteLength - 1);
    expect((await verify(path)).code).toBe(3);
  }
});

test("compressed arrays are unpacked and compared, and a flipped bit in one is found", async () => {
  const path = join(folder, "arrays.npz");
  copyFileSync(`${FIXTURES}torch/npz-deflated.npz`, path);
  expect(await report(path)).toMatchObject({ code: 0, sound: true, files: [{ format: "npz" }] });
  const [place] = (await payloads(path)).values();
  flipBit(path, (place?.at ?? 0) + 40);
  expect((await report(path)).code).toBe(3);
});

test("a distributed checkpoint is one: a flipped bit in a part is found in the tensor it belongs to", async () => {
  const path = join(folder, "run.ckpt");
  const original = `${FIXTURES}lightning/dcp-two-ranks-rows.ckpt`;
  mkdirSync(path);
  for (const name of [".metadata", "__0_0.distcp", "__1_0.distcp"])
    copyFileSync(join(original, name), join(path, name));
  expect(await report(path)).toMatchObject({ code: 0, sound: true, files: [{ path, format: "torch-distributed" }] });
  expect(await report(folder)).toMatchObject({ code: 0, files: [{ path }] });
  const part = join(path, "__1_0.distcp");
  const bytes = readFileSync(part);
  // The last record of the last item: its payload ends 16 bytes before the descriptor of data/0 does.
  flipBit(part, bytes.lastIndexOf("PK\u0007\u0008", bytes.lastIndexOf("archive/data/0")) + 200);
  flipBit(part, bytes.lastIndexOf(Buffer.from("PK\u0001\u0002")) - 300);
  const { code, files } = await report(path);
  expect(code).toBe(3);
  expect(files[0]?.sound).toBe(false);
});

test("several files and folders are verified one after the other; one that is not sound decides the exit code", async () => {
  copyFileSync(CHECKPOINT, join(folder, "a.ckpt"));
  mkdirSync(join(folder, "inner"));
  copyFileSync(CHECKPOINT, join(folder, "inner", "b.ckpt"));
  writeFileSync(join(folder, "notes.txt"), "not looked at");
  expect((await verify(folder)).code).toBe(0);
  flipBit(join(folder, "inner", "b.ckpt"), 6000);
  const { code, terminal } = await verify(join(folder, "missing.ckpt"), folder);
  expect(code).toBe(3);
  expect(terminal.output).toContain(`sound      ${join(folder, "a.ckpt")}`);
  expect(terminal.output).toContain(`NOT SOUND  ${join(folder, "inner", "b.ckpt")}`);
  expect(terminal.output).toContain(`NOT SOUND  ${join(folder, "missing.ckpt")}`);
  expect(terminal.output).toContain("3 files: 1 sound, 2 not");
  expect(terminal.messages).toBe("error: 2 of 3 files are not sound\n");
});

test("--quiet says nothing of what is sound", async () => {
  const { code, terminal } = await verify("--quiet", CHECKPOINT);
  expect({ code, output: terminal.output, messages: terminal.messages }).toEqual({ code: 0, output: "", messages: "" });
});

test("a file that is not there is exit code 4, one that is no checkpoint 3, and either is told once", async () => {
  const missing = await verify(join(folder, "nothing.ckpt"));
  expect({ code: missing.code, output: missing.terminal.output }).toEqual({ code: 4, output: "" });
  const text = join(folder, "text.ckpt");
  writeFileSync(text, "%PDF-1.7");
  const other = await verify(text);
  expect({ code: other.code, output: other.terminal.output }).toEqual({ code: 3, output: "" });
  expect(other.terminal.messages).toBe(`error: ${text}: this is a PDF document, not a checkpoint\n`);
  expect((await verify(folder, "--json")).code).toBe(3);
});

test("an empty folder is told apart from a sound one", async () => {
  const { code, terminal } = await verify(folder);
  expect(code).toBe(4);
  expect(terminal.messages).toContain("there is no checkpoint under");
});
