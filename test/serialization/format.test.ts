import { gzipSync } from "node:zlib";
import { bytesSource } from "../../src/io/byteSource.js";
import type { ByteSource } from "../../src/io/byteSource.js";
import { PyObject } from "../../src/pickle/values.js";
import { detectFormat } from "../../src/serialization/format.js";
import { torchLoad } from "../../src/serialization/torchLoad.js";
import { fixtureBytes, loadFixture, pathsOf } from "./twin.js";

const text = (content: string): Uint8Array => new Uint8Array(Buffer.from(content, "latin1"));

test.each([
  ["lightning/autoencoder-adam-steplr.ckpt", "torch-zip"],
  ["torch/zip-rezipped-deflated.pt", "torch-zip"],
  ["torch/legacy-state-dict.pth", "torch-legacy"],
  ["torch/legacy-protocol-4.pt", "torch-legacy"],
  ["torch/torchscript-script.pt", "torchscript"],
  ["torch/npz-stored.npz", "npz"],
  ["torch/st-shapes.safetensors", "safetensors"],
  ["torch/st-empty.safetensors", "safetensors"],
])("%s is %s", async (path, format) => {
  expect((await detectFormat(bytesSource(fixtureBytes(path)))).format).toBe(format);
});

test.each([
  [new Uint8Array(0), "an empty file"],
  [new Uint8Array(100), "100 bytes of which the first are all zero: a download that never finished"],
  [new Uint8Array(gzipSync("a")), "a gzip file"],
  [text("%PDF-1.4\n"), "a PDF document"],
  [text("\x7fELF\x02\x01"), "an ELF program or library"],
  [
    text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
    "a git-lfs pointer, which stands in for the file",
  ],
  [text("<!DOCTYPE html><html>"), "a web page (HTML)"],
  [text('<?xml version="1.0"?><Error/>'), "an XML document"],
  [text('{"error": "not found"}'), "a JSON document"],
  [text("hello\n"), "a text file"],
  [text("PK\x05\x06" + "\0".repeat(18)), "an empty zip archive"],
  [text("\x89HDF\r\n\x1a\n"), "an HDF5 file (Keras .h5)"],
  [text("\x93NUMPY\x01\0"), "a numpy array (.npy)"],
  [text("\xff\xd8\xff\xe0"), "a JPEG picture"],
  [text("\x01\x02\x03\x04"), "a file of another kind (its first bytes are 01 02 03 04)"],
])("what is no checkpoint is named for what it is (%#)", async (bytes, description) => {
  await expect(torchLoad(bytesSource(bytes))).rejects.toMatchObject({
    code: "checkpoint.notACheckpoint",
    message: `this is ${description}, not a checkpoint`,
  });
});

test("a bare pickle is named as one, and nothing in it runs", async () => {
  await expect(torchLoad(bytesSource(text("cos\nsystem\n(S'id'\ntR.")))).rejects.toMatchObject({
    code: "checkpoint.unsupported",
    message: "this is a bare pickle, not written by torch.save; it names os.system",
  });
  await expect(torchLoad(bytesSource(text("\x80\x04\x95\x02\0\0\0\0\0\0\0}.")))).rejects.toMatchObject({
    code: "checkpoint.unsupported",
    message: "this is a bare pickle, not written by torch.save",
  });
});

test("opening a checkpoint reads its ends, its pickle and two words, and never a storage", async () => {
  const bytes = fixtureBytes("torch/huge-storage-tiny-view.pt");
  let read = 0;
  let calls = 0;
  const source: ByteSource = {
    byteLength: bytes.byteLength,
    read: (start, end) => {
      read += end - start;
      calls += 1;
      return Promise.resolve(bytes.subarray(start, end));
    },
  };
  await torchLoad(source);
  expect(bytes.byteLength).toBeGreaterThan(160_000);
  expect(calls).toBeLessThanOrEqual(6);
  expect(read).toBeLessThan(20_000);
});

test("a file cut at any length is refused, and says that it is cut", async () => {
  const bytes = fixtureBytes("lightning/autoencoder-adam-steplr.ckpt");
  for (let length = 4; length < bytes.byteLength; length += 997) {
    await expect(torchLoad(bytesSource(bytes.subarray(0, length)))).rejects.toMatchObject({
      code: "checkpoint.malformed",
      message: expect.stringContaining("the file is cut short") as unknown,
    });
  }
});

test("foreign classes are named, shown as objects, and the rest is readable", async () => {
  const { value, foreignGlobals } = await loadFixture("lightning/hparams-nested.ckpt");
  expect(foreignGlobals.map(String)).toContain("pathlib.PurePosixPath");
  const objects = [...pathsOf(value).values()].filter((each) => each instanceof PyObject);
  expect(objects.map(({ className }) => className)).toContain("pathlib.PurePosixPath");
  expect((await loadFixture("lightning/autoencoder-adam-steplr.ckpt")).foreignGlobals).toEqual([]);
});
