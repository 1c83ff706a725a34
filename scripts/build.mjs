// npm run build: the modules, then the bundle of them and the schema of configs that editors read. Modules that are compiled with complaints are bundled all the same,
// so that the command line never runs an older bundle than its modules are.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const pathOf = (name) => fileURLToPath(new URL(name, import.meta.url));
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
rmSync(pathOf("../dist/cli/bundle.cjs"), { force: true });
const run = (...args) => spawnSync(process.execPath, args, { cwd: pathOf(".."), stdio: "inherit" }).status ?? 1;
// A file whose source is gone would go on being loaded, and packed.
for (const file of existsSync(pathOf("../dist")) ? readdirSync(pathOf("../dist"), { recursive: true }) : []) {
  const source = `../src/${file.replaceAll("\\", "/").replace(/\.(?:js|d\.ts)$/, ".ts")}`;
  if (/\.(?:js|d\.ts)$/.test(file) && !existsSync(pathOf(source))) rmSync(pathOf(`../dist/${file}`));
}
const compiled = run(tsc, "-p", "tsconfig.build.json");
const bundled = run(pathOf("bundle.mjs"));
const schema = spawnSync(process.execPath, [pathOf("../bin/ltrain.js"), "schema"], {
  cwd: pathOf(".."),
  encoding: "utf8",
});
try {
  // What --json prints, for programs that read it.
  const { JSON_OUTPUTS, jsonOutputSchema } = await import("../dist/cli/jsonSchemas/index.js");
  mkdirSync(pathOf("../dist/schemas"), { recursive: true });
  for (const [name, output] of Object.entries(JSON_OUTPUTS)) {
    writeFileSync(
      pathOf(`../dist/schemas/${name}.schema.json`),
      `${JSON.stringify(jsonOutputSchema(output), null, 2)}\n`,
    );
  }
} catch (error) {
  process.stderr.write(`${error}\n`);
}
if (schema.status === 0) writeFileSync(pathOf("../dist/config.schema.json"), schema.stdout);
else process.stderr.write(schema.stderr);
process.exitCode = bundled || compiled || (schema.status ?? 1);
