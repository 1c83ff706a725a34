import { createHash } from "node:crypto";
import type { Module } from "../../src/nn/index.js";

/** Every number within 3e-6 of the expected one, or of a millionth part of it where it is large. */
export function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) {
    expect(Math.abs((actual[i] ?? NaN) - value)).toBeLessThanOrEqual(3e-6 * Math.max(1, Math.abs(value)));
  }
}

/** SHA-256 of the bytes of everything in a module's state_dict. */
export async function digestsOf(module: Module): Promise<Record<string, string>> {
  const entries = [...module.state()].map(async ([name, variable]): Promise<[string, string]> => {
    const { bytes } = await variable.read();
    return [name, createHash("sha256").update(bytes).digest("hex")];
  });
  return Object.fromEntries(await Promise.all(entries));
}
