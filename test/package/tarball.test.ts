import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

interface Packed {
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

function pack(): Packed {
  const { stdout, stderr } = spawnSync("npm", ["pack", "--dry-run", "--ignore-scripts", "--json"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  const [packed] = JSON.parse(stdout) as readonly Packed[];
  if (packed === undefined) throw new Error(stderr);
  return packed;
}

const packed = pack();
const paths = packed.files.map(({ path }) => path);
const sources = readdirSync(new URL("../../src", import.meta.url), { recursive: true, encoding: "utf8" })
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.slice(0, -".ts".length));

test("the package holds the programs, the modules with their types, the schemas, configs, examples, licence, and nothing else", () => {
  const wanted = [
    ...["LICENSE", "README.md", "package.json", "bin/ltrain.js", "bin/package.json"],
    ...["dist/cli/bundle.cjs", "dist/cli/bundle.cache", "dist/config.schema.json"],
    ...["scripts/build-tfjs-node-gpu.mjs", "scripts/preinstall.mjs"],
    ...sources.map((name) => `dist/${name}.js`),
    // Nothing that a program imports from ltrain leads to the types of the command line.
    ...sources.filter((name) => !name.startsWith("cli/")).map((name) => `dist/${name}.d.ts`),
    ...readdirSync(new URL("../../configs", import.meta.url)).map((name) => `configs/${name}`),
  ];
  const others = paths.filter((path) => !wanted.includes(path));
  expect(others.filter((path) => !/^(?:examples\/[\w-]+\/[\w.-]+\.(?:ts|yaml|csv|md)|dist\/schemas\/[\w-]+\.schema\.json)$/.test(path))).toEqual([]); // prettier-ignore
  expect(wanted.filter((path) => !paths.includes(path))).toEqual([]);
});

test("what package.json names is in the package", () => {
  const { bin, main, types, exports } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as {
    readonly bin: Readonly<Record<string, string>>;
    readonly main: string;
    readonly types: string;
    readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  };
  const entries = Object.values(exports).flatMap((entry) => (typeof entry === "string" ? [entry] : Object.values(entry))); // prettier-ignore
  for (const path of [...Object.values(bin), main, types, ...entries])
    expect(paths).toContain(path.replace(/^\.\//, ""));
});

test("the types in the package lead to types in the package, and to those of its dependencies", () => {
  const { dependencies } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as { dependencies: object };
  const entries = ["index", "nn/index", "optim/index", "data/index", "callbacks/index", "checkpoint/index"];
  const seen = new Set<string>();
  const outside = new Set<string>();
  const follow = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const text = readFileSync(`${ROOT}dist/${name}.d.ts`, "utf8");
    for (const [, from = ""] of text.matchAll(/(?:from |import\()"([^"]+)"/g)) {
      if (!from.startsWith(".")) outside.add(from.replace(/^((?:@[^/]+\/)?[^/]+).*$/, "$1"));
      else follow(new URL(from, `file:///${name}`).pathname.slice(1).replace(/\.js$/, ""));
    }
  };
  entries.forEach(follow);
  expect([...seen].filter((name) => !paths.includes(`dist/${name}.d.ts`))).toEqual([]);
  // Not even node's own: a program that has no @types/node compiles.
  expect([...outside].filter((name) => !(name in dependencies))).toEqual([]);
});

// Measured at 1.4 MB packed and 4.9 MB unpacked, of which the bundle with V8's cache is 1.4 MB.
test("the package stays small: under 1.8 MB packed, under 6 MB unpacked", () => {
  expect(packed.size).toBeLessThan(1_800_000);
  expect(packed.unpackedSize).toBeLessThan(6_000_000);
  const maps = paths.filter((path) => /\.map$|\.test\.|tsbuildinfo/.test(path));
  expect(maps).toEqual([]);
});

test("there is nothing in dist that no source makes", () => {
  const made = readdirSync(`${ROOT}dist`, { recursive: true, encoding: "utf8" }).filter((file) => /\.(?:js|d\.ts)$/.test(file)); // prettier-ignore
  expect(made.filter((file) => !existsSync(`${ROOT}src/${file.replace(/\.(?:js|d\.ts)$/, ".ts")}`))).toEqual([]);
});
