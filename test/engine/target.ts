import type { OrtTarget } from "../../src/engine/ortExecutor.js";

/** What the suite of the compiled executor runs on: the CPU, or what LTRAIN_TEST_TARGET says. */
export const target: OrtTarget = targetOf(process.env["LTRAIN_TEST_TARGET"] ?? "cpu");

function targetOf(name: string): OrtTarget {
  switch (name) {
    case "cpu":
      return { kind: "cpu" };
    case "webgpu":
    case "cuda":
      return { kind: name, name };
    default:
      throw new Error(`LTRAIN_TEST_TARGET is ${name}; it may be cpu, webgpu or cuda`);
  }
}

/** How many cases of a property to try: a quarter where each has shaders to compile. */
export function runs(count: number): number {
  return target.kind === "cpu" ? count : Math.ceil(count / 4);
}
