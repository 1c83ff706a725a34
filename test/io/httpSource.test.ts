import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { openCheckpoint } from "../../src/checkpoint/openCheckpoint.js";
import { tensorsOf } from "../../src/checkpoint/treePaths.js";
import type { FileSource } from "../../src/io/fileSource.js";
import { openUrl } from "../../src/io/httpSource.js";
import { RangeServer } from "./rangeServer.js";
import type { ServerQuirks } from "./rangeServer.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));
const fixture = (path: string): Uint8Array => new Uint8Array(readFileSync(FIXTURES + path));
const IMPATIENT = { timeout: 300, delays: [1, 1] };

/** Numbers that differ from place to place, so that a wrong offset shows. */
function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) bytes[index] = index * 31 + (index >> 8) * 7;
  return bytes;
}

async function serving(
  files: Readonly<Record<string, Uint8Array>>,
  quirks: ServerQuirks,
  use: (server: RangeServer) => Promise<void>,
): Promise<void> {
  const server = await RangeServer.start(files, quirks);
  try {
    await use(server);
  } finally {
    await server.close();
  }
}

const open = (address: string): Promise<FileSource> => openUrl(address, IMPATIENT);

test("any range comes as it is in the file, small or large, across blocks and at the end", async () => {
  const bytes = pattern(3_000_001);
  await serving({ a: bytes }, {}, async (server) => {
    const source = await open(server.url("a"));
    expect(source.byteLength).toBe(bytes.byteLength);
    for (const [start, end] of [
      [0, 10],
      [65_530, 65_545],
      [131_000, 200_000],
      [2_999_990, 3_000_001],
      [100, 1_500_000],
      [1_500_000, 2_000_000],
      [2_000_000, 2_500_000],
      [5, 5],
    ] as const) {
      expect(Buffer.compare(await source.read(start, end), bytes.subarray(start, end))).toBe(0);
    }
    await expect(source.read(2_999_999, 3_000_002)).rejects.toMatchObject({ code: "checkpoint.malformed" });
  });
});

test("small reads near each other are one request, and what was read is not asked for again", async () => {
  await serving({ a: pattern(1_000_000) }, {}, async (server) => {
    const source = await open(server.url("a"));
    await Promise.all([source.read(500_000, 500_100), source.read(500_200, 500_300)]);
    await source.read(500_050, 500_250);
    await source.read(10, 20);
    expect(server.ranges).toEqual(["a 0-65536", "a 458752-524288"]);
  });
});

test("opening a checkpoint takes its ends and its pickle, never a storage", async () => {
  const bytes = fixture("torch/huge-storage-tiny-view.pt");
  await serving({ "x.pt": bytes }, {}, async (server) => {
    const file = await openCheckpoint(server.url("x.pt"));
    const [first] = tensorsOf(file.root);
    expect(first?.tensor.shape).toEqual([2]);
    await file.close();
    expect(server.requests).toBe(2);
    expect(server.bytesSent).toBeLessThan(140_000);
    expect(server.acceptEncoding).toBe("identity");
  });
});

test("a server without ranges is told plainly, and nothing of the file is read", async () => {
  await serving({ a: pattern(100) }, { noRanges: true }, async (server) => {
    await expect(open(server.url("a"))).rejects.toMatchObject({
      code: "io.failed",
      message: expect.stringMatching(
        /does not send parts of a file .*: all 100 bytes would have to be downloaded/,
      ) as unknown,
      hint: expect.stringContaining("download the file first") as unknown,
    });
  });
});

test("a server that packs its answers is refused", async () => {
  const intercept: ServerQuirks["intercept"] = (_, response) => {
    response
      .writeHead(206, { "content-encoding": "gzip", "content-range": "bytes 0-9/10" })
      .end(gzipSync(new Uint8Array(10)));
    return true;
  };
  await serving({}, { intercept }, async (server) => {
    await expect(open(server.url("a"))).rejects.toMatchObject({
      message: expect.stringContaining("packs its answers (gzip)") as unknown,
    });
  });
});

test.each([{ noEtag: false }, { noEtag: true }])(
  "a file that changes while it is read is noticed (%j)",
  async (quirks) => {
    await serving({ a: pattern(1_000_000) }, quirks, async (server) => {
      const source = await open(server.url("a"));
      server.files.set("a", pattern(1_000_001));
      await expect(source.read(500_000, 500_010)).rejects.toMatchObject({
        code: "io.failed",
        message: expect.stringContaining("has changed while it was read") as unknown,
      });
    });
  },
);

test("a missing file, a refusal and a broken server each get their own words", async () => {
  const statuses: number[] = [403, 500, 500, 500];
  const intercept: ServerQuirks["intercept"] = (request, response) => {
    if (request.url !== "/b") return false;
    response.writeHead(statuses.shift() ?? 200).end();
    return true;
  };
  await serving({}, { intercept }, async (server) => {
    await expect(open(server.url("a"))).rejects.toMatchObject({
      code: "file.missing",
      message: `there is no file at ${server.url("a")} (404 Not Found)`,
    });
    await expect(open(server.url("b"))).rejects.toMatchObject({
      code: "io.failed",
      message: `cannot read ${server.url("b")}: the server answers 403 Forbidden`,
      hint: expect.stringContaining("token") as unknown,
    });
    await expect(open(server.url("b"))).rejects.toMatchObject({
      message: `cannot read ${server.url("b")}: the server answers 500 Internal Server Error (tried 3 times)`,
    });
  });
});

test("what fails in passing is tried again: a busy server, an answer that breaks off", async () => {
  const bytes = pattern(1000);
  const intercept: ServerQuirks["intercept"] = (_, response, count) => {
    if (count === 1) response.writeHead(503).end();
    else if (count === 2) {
      response.writeHead(206, { "content-range": "bytes 0-999/1000", "content-length": 1000 });
      response.write(bytes.subarray(0, 10), () => response.destroy());
    } else return false;
    return true;
  };
  await serving({ a: bytes }, { intercept }, async (server) => {
    const source = await open(server.url("a"));
    expect(Buffer.compare(await source.read(0, 1000), bytes)).toBe(0);
    expect(server.requests).toBe(3);
  });
});

test("a server that does not answer is given up in time", async () => {
  await serving({}, { intercept: () => true }, async (server) => {
    await expect(openUrl(server.url("a"), { timeout: 50, delays: [] })).rejects.toMatchObject({
      code: "io.failed",
      message: expect.stringContaining("no answer within 0.05 seconds") as unknown,
    });
  });
});

test("redirects are followed, and the place they lead to is gone to directly from then on", async () => {
  const bytes = pattern(1_000_000);
  const intercept: ServerQuirks["intercept"] = (request, response) => {
    if (request.url !== "/old") return false;
    response.writeHead(302, { location: "/a?signature=1" }).end();
    return true;
  };
  await serving({ a: bytes }, { intercept }, async (server) => {
    const source = await open(server.url("old"));
    await source.read(500_000, 500_010);
    expect(server.requests).toBe(3);
  });
});

test("a signed address that has expired is asked for anew", async () => {
  const bytes = pattern(1_000_000);
  let valid = 1;
  const intercept: ServerQuirks["intercept"] = (request, response) => {
    if (request.url === "/old") response.writeHead(302, { location: `/a?signature=${valid}` }).end();
    else if (request.url !== `/a?signature=${valid}`) response.writeHead(403).end();
    else return false;
    return true;
  };
  await serving({ a: bytes }, { intercept }, async (server) => {
    const source = await open(server.url("old"));
    valid = 2;
    expect(await source.read(500_000, 500_010)).toEqual(bytes.subarray(500_000, 500_010));
  });
});

test("redirects to an address that is not encrypted, and ones in a circle, are refused", async () => {
  const intercept: ServerQuirks["intercept"] = (request, response) => {
    const location = request.url === "/out" ? "http://example.com/x" : "/round";
    response.writeHead(307, { location }).end();
    return true;
  };
  await serving({}, { intercept }, async (server) => {
    await expect(open(server.url("out"))).rejects.toMatchObject({
      code: "argument.invalid",
      message: "http://example.com/x is not encrypted; only https:// addresses are read",
    });
    await expect(open(server.url("round"))).rejects.toMatchObject({
      message: expect.stringContaining("leads on more than 10 times") as unknown,
    });
  });
});

test("an address of http:// elsewhere is refused before anything is sent", async () => {
  await expect(open("http://example.com/model.ckpt")).rejects.toMatchObject({ code: "argument.invalid" });
});

test("a password in an address goes to its host as a header, and is never shown", async () => {
  let authorization: string | undefined;
  const intercept: ServerQuirks["intercept"] = (request, response) => {
    authorization = request.headers.authorization;
    response.writeHead(404).end();
    return true;
  };
  await serving({}, { intercept }, async (server) => {
    const address = server.url("a").replace("http://", "http://me:secret@");
    await expect(open(address)).rejects.toMatchObject({ message: expect.not.stringContaining("secret") as unknown });
    expect(authorization).toBe(`Basic ${Buffer.from("me:secret").toString("base64")}`);
  });
});

test("a server that is not there is told at once", async () => {
  const server = await RangeServer.start({});
  const address = server.url("a");
  await server.close();
  await expect(openUrl(address, { timeout: 1000, delays: [60_000] })).rejects.toMatchObject({
    code: "io.failed",
    message: expect.stringMatching(/cannot reach http.*ECONNREFUSED/) as unknown,
  });
});

test("an empty file is empty", async () => {
  await serving({ a: new Uint8Array(0) }, {}, async (server) => {
    expect((await open(server.url("a"))).byteLength).toBe(0);
  });
});

test("a distributed checkpoint's keys take its metadata and what is no tensor", async () => {
  const folder = "lightning/dcp-two-ranks-rows.ckpt/";
  const names = [".metadata", "__0_0.distcp", "__1_0.distcp", "meta.pt"];
  await serving(Object.fromEntries(names.map((name) => [name, fixture(folder + name)])), {}, async (server) => {
    const file = await openCheckpoint(server.url(".metadata"));
    expect(file.parts).toEqual(["__0_0.distcp", "__1_0.distcp", "meta.pt"]);
    // Eight weights, and a score that a callback keeps in meta.pt.
    expect(tensorsOf(file.root)).toHaveLength(9);
    await file.close();
    expect(server.ranges.filter((range) => range.includes("distcp"))).toEqual([]);
  });
});

test("shards beside an index are found at its address", async () => {
  const index = JSON.stringify({ metadata: {}, weight_map: { v: "st-int32.safetensors" } });
  const files = {
    "m/model.safetensors.index.json": new Uint8Array(Buffer.from(index)),
    "m/st-int32.safetensors": fixture("torch/st-int32.safetensors"),
  };
  await serving(files, {}, async (server) => {
    const file = await openCheckpoint(server.url("m/model.safetensors.index.json?token=1"));
    expect(file.format).toBe("safetensors-sharded");
    expect(tensorsOf(file.root).map(({ path, tensor }) => `${path} ${tensor.dtype}`)).toEqual(["v int32"]);
    await file.close();
  });
});

test("large reads that follow each other are asked for ahead, and nothing twice", async () => {
  const bytes = pattern(20_000_000);
  await serving({ a: bytes }, {}, async (server) => {
    const source = await open(server.url("a"));
    for (let at = 1_000_000; at < 15_000_000; at += 1_000_000) {
      expect(Buffer.compare(await source.read(at, at + 1_000_000), bytes.subarray(at, at + 1_000_000))).toBe(0);
    }
    expect(server.requests).toBeLessThan(8);
    expect(server.bytesSent).toBeLessThan(14_000_000 + 9_000_000);
  });
});
