// npm run build: the modules, then the bundle of them. Modules that are compiled with complaints are bundled all the same,
// so that the command line never runs an older bundle than its modules are.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const pathOf = (name) => fileURLToPath(new URL(name, import.meta.url));
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
rmSync(pathOf("../dist/cli/bundle.cjs"), { force: true });
const run = (...args) => spawnSync(process.execPath, args, { cwd: pathOf(".."), stdio: "inherit" }).status ?? 1;
const compiled = run(tsc, "-p", "tsconfig.build.json");
process.exitCode = run(pathOf("bundle.mjs")) || compiled;
