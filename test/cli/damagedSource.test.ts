import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/cli/main.js";
import { bufferSink } from "../../src/io/byteSink.js";
import { recordingTerminal } from "../../src/io/console.js";
import { PyDict } from "../../src/pickle/values.js";
import { torchSave } from "../../src/serialization/torchSave.js";
import { storedTensor } from "../../src/storage/storedTensor.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "damaged-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function ltrain(...args: string[]): Promise<{ code: number; output: string; messages: string }> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  return { code, output: terminal.output, messages: terminal.messages };
}

/** A file with one tensor, larger than the pieces that storages are copied in, in which a bit has changed since it was written. */
async function damagedFile(): Promise<string> {
  const bytes = new Uint8Array(3 << 20).map((_, index) => index % 251);
  const tensor = storedTensor({ dtype: "uint8", shape: [bytes.byteLength], bytes });
  const sink = bufferSink();
  await torchSave(PyDict.from({ state_dict: new PyDict([["w", tensor]]) }), sink);
  const file = Buffer.from(sink.bytes());
  const start = file.indexOf(Buffer.from(bytes.subarray(0, 1000)));
  const at = start + (2 << 20);
  file.writeUInt8(file.readUInt8(at) ^ 1, at);
  const path = join(folder, "damaged.ckpt");
  writeFileSync(path, file);
  return path;
}

test("a damaged storage that is copied whole keeps the checksum it had: verify finds the damage in the copy too", async () => {
  const source = await damagedFile();
  const copy = join(folder, "copy.pt");
  expect(await ltrain("verify", source)).toMatchObject({ code: 3 });
  expect(await ltrain("extract", source, "--prefix", "w", "-o", copy)).toMatchObject({ code: 0 });
  const { code, output } = await ltrain("verify", copy);
  expect(code).toBe(3);
  expect(output).toMatch(
    /record "archive\/data\/0" at byte \d+ is damaged: its checksum is \w+, and the directory says/,
  );
});

test.each(["safetensors", "npz"])(
  "a copy in %s has no checksum to keep: the damage is an error on the way",
  async (format) => {
    const copy = join(folder, `copy.${format}`);
    const { code, messages } = await ltrain("extract", await damagedFile(), "--prefix", "w", "-o", copy);
    expect(code).toBe(3);
    expect(messages).toMatch(/record "archive\/data\/0" at byte \d+ is damaged/);
    expect(existsSync(copy)).toBe(false);
  },
);
