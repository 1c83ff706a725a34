import { fileURLToPath } from "node:url";

/** The folder of this package: frames inside it are ours, not the user's. */
const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));
/** What runs a step rather than is one. */
const OURS = ["engine", "tensor", "nn", "optim", "precision", "core", "loops", "trainer"];
/** Enough to reach past tfjs' own frames, which are many inside a gradient. */
const FRAMES = 200;

/** The stack of this moment, innermost first, one line a frame. */
export function stackFrames(): string[] {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = FRAMES;
  try {
    const stack = new Error().stack ?? "";
    return stack.split("\n").slice(2);
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** `file:line:column` of the innermost frame that the user wrote; of our own where the step is ours. */
export function userLine(frames: readonly string[] = stackFrames()): string {
  const places = frames.flatMap((frame) => {
    const match = /\(?((?:file:\/\/)?\/[^()]+:\d+:\d+|[A-Za-z]:\\[^()]+:\d+:\d+)\)?$/.exec(frame.trim());
    return match?.[1] === undefined ? [] : [match[1].replace(/^file:\/\//, "")];
  });
  const outside = places.filter((place) => !/node_modules|[\\/]tfjs-[a-z-]+[\\/]/.test(place));
  const users = outside.filter((place) => !OURS.some((folder) => isIn(place, folder)));
  return users[0] ?? outside.find((place) => !isIn(place, "engine")) ?? "an unknown line";
}

function isIn(place: string, folder: string): boolean {
  return ["src", "dist"].some((root) => place.startsWith(`${PACKAGE}${root}/${folder}/`));
}
