import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bytesSource, type ByteSource } from "../../src/io/byteSource.js";

/** What a JSON fixture under test/fixtures holds; the caller says what that is. */
export function fixtureJson(path: string): unknown {
  return JSON.parse(readFileSync(fixturePath(path), "utf8")) as unknown;
}

/** A fixture's bytes. */
export function fixtureSource(path: string): ByteSource {
  return bytesSource(new Uint8Array(readFileSync(fixturePath(path))));
}

function fixturePath(path: string): string {
  return fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
}
