#!/usr/bin/env node
/** npm run bench -- train|files|gpu|save [options]: ltrain against the real peer, interleaved in one run. */
const [what = "", ...args] = process.argv.slice(2);
const BENCHES = { train: "./train.mjs", files: "./files.mjs", gpu: "./gpu.mjs", save: "./save.mjs" };

const file = Object.hasOwn(BENCHES, what) ? BENCHES[what] : undefined;
if (file === undefined) {
  console.error(`error: npm run bench -- takes one of ${Object.keys(BENCHES).join(", ")}, got "${what}"`);
  process.exit(2);
}
const { main } = await import(file);
await main(args);
