import { mkdtempSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** A file imports its own folder and lower numbers. Same number: strangers. */
const RANK: Readonly<Record<string, number>> = {
  "errors.ts": 0,
  "nearest.ts": 0,
  io: 1,
  storage: 1,
  zip: 2,
  plot: 2,
  pickle: 2,
  tensor: 2,
  serialization: 3,
  nn: 3,
  data: 3,
  engine: 3,
  checkpoint: 4,
  optim: 4,
  precision: 5,
  core: 5,
  loops: 6,
  callbacks: 6,
  loggers: 6,
  demos: 6,
  trainer: 7,
  runs: 7,
  config: 8,
  cli: 9,
  "index.ts": 9,
};
const SRC = fileURLToPath(new URL("../src/", import.meta.url));
/** Packages that only one folder may name. */
const DOORS: readonly (readonly [RegExp, string])[] = [
  [/^@tensorflow\//, "tensor"],
  [/^onnxruntime-/, "engine"],
];
const OUTSIDE_WORLD =
  /^(?:node:)?(?:fs|fs\/promises|process|os|child_process|readline|readline\/promises|tty|worker_threads|net|http|https)$/;
const TERMINAL_GLOBALS = /\b(?:console|process)\.\w+/;
const MAY_TOUCH = ["io", "cli"];

const IMPORT =
  /^\s*(?:import|export)\s[^;"']*?\bfrom\s*"([^"]+)"|^\s*import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)|\b(?:require|createRequire\([^)]*\))\(\s*"([^"]+)"\s*\)/gm;

/** The source tree under one root, seen as files and what they import. */
class Tree {
  readonly files: readonly string[];
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    this.files = readdirSync(root, { recursive: true, encoding: "utf8" })
      .map((file) => file.split(sep).join("/"))
      .filter((file) => file.endsWith(".ts"));
  }
  text(file: string): string {
    return readFileSync(join(this.#root, file), "utf8");
  }
  importsOf(file: string): string[] {
    return [...this.text(file).matchAll(IMPORT)].map(
      (match) => match.slice(1).find((name: string | undefined) => name !== undefined) ?? "",
    );
  }
  localImportsOf(file: string): string[] {
    return this.importsOf(file)
      .filter((name) => name.startsWith("."))
      .map((name) =>
        relative(this.#root, join(this.#root, dirname(file), name))
          .split(sep)
          .join("/"),
      )
      .map((name) => name.replace(/\.js$/, ".ts"));
  }
  reachableFrom(roots: readonly string[]): Set<string> {
    const reached = new Set<string>();
    const visit = (file: string): void => {
      if (reached.has(file) || !this.files.includes(file)) return;
      reached.add(file);
      this.localImportsOf(file).forEach(visit);
    };
    roots.forEach(visit);
    return reached;
  }
}

const folderOf = (file: string): string => file.split("/", 1)[0] ?? file;
const rankOf = (file: string): number => RANK[folderOf(file)] ?? Number.NaN; // no rank: every comparison fails

function upwardImports(tree: Tree): string[] {
  return tree.files.flatMap((from) =>
    tree
      .localImportsOf(from)
      .filter((to) => folderOf(to) !== folderOf(from) && !(rankOf(to) < rankOf(from)))
      .map((to) => `${from} -> ${to}`),
  );
}

function circles(tree: Tree): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file].join(" -> "));
      return;
    }
    if (done.has(file) || !tree.files.includes(file)) return;
    for (const next of tree.localImportsOf(file)) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of tree.files) visit(file, []);
  return found;
}

function wrongDoors(tree: Tree): string[] {
  return tree.files.flatMap((file) =>
    tree.importsOf(file).flatMap((name) => {
      const door = DOORS.find(([pattern]) => pattern.test(name));
      if (door !== undefined && folderOf(file) !== door[1]) return [`${file} imports ${name}`];
      if (OUTSIDE_WORLD.test(name) && !MAY_TOUCH.includes(folderOf(file))) return [`${file} imports ${name}`];
      return [];
    }),
  );
}

/** Code alone: no comments, no imported names such as "../io/console.js". */
function codeOf(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "")
    .replace(/(?:\bfrom\s*|\bimport\s*\(?\s*)"[^"]*"/g, "");
}

function globalsTouched(tree: Tree): string[] {
  return tree.files
    .filter((file) => !MAY_TOUCH.includes(folderOf(file)))
    .flatMap((file) => {
      const match = TERMINAL_GLOBALS.exec(codeOf(tree.text(file)));
      return match === null ? [] : [`${file} uses ${match[0]}`];
    });
}

/** fetch, and whatever else opens a connection. */
const NETWORK = /\bfetch\s*\(|\bnew WebSocket\b|["']node:(?:https?|http2|net|tls|dgram|dns)(?:\/promises)?["']/;

function networkTouched(tree: Tree): string[] {
  return tree.files
    .filter((file) => folderOf(file) !== "io")
    .flatMap((file) => {
      const match = NETWORK.exec(codeOf(tree.text(file)));
      // A method of that name is somebody's own: this.#fetch(...).
      return match === null || /[.#]$/.test(codeOf(tree.text(file)).slice(0, match.index))
        ? []
        : [`${file} uses ${match[0]}`];
    });
}

function engineReached(tree: Tree): string[] {
  return [
    ...tree.reachableFrom(
      ["inspect", "extract", "convert", "sanitize", "verify", "diff", "plot", "report", "runs"].map(
        (name) => `cli/${name}.ts`,
      ),
    ),
  ].filter((file) => ["tensor", "engine"].includes(folderOf(file)));
}

/** Everything the house forbids, found in one tree. */
function violations(tree: Tree): string[] {
  return [upwardImports, circles, wrongDoors, globalsTouched, networkTouched, engineReached].flatMap((rule) =>
    rule(tree),
  );
}

/** A small house with `files` in it, given to `body`. */
function withTree<T>(files: Readonly<Record<string, string>>, body: (tree: Tree) => T): T {
  const root = mkdtempSync(join(tmpdir(), "ltrain-architecture-"));
  try {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(root, dirname(file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    return body(new Tree(`${root}/`));
  } finally {
    rmSync(root, { recursive: true });
  }
}

const house = new Tree(SRC);

test("every folder of src has a rank", () => {
  expect([...new Set(house.files.map(folderOf))].filter((folder) => !(folder in RANK))).toEqual([]);
});

test("the test sees the imports it judges", () => {
  expect(house.files.length).toBeGreaterThan(50);
  expect(house.localImportsOf("cli/inspect.ts").length).toBeGreaterThan(0);
});

test("a folder imports only itself and folders of a lower rank", () => {
  expect(upwardImports(house)).toEqual([]);
});

test("no file imports itself by a detour", () => {
  expect(circles(house)).toEqual([]);
});

test("only tensor/ names @tensorflow, only engine/ names onnxruntime, only io/ and cli/ touch files and processes", () => {
  expect(wrongDoors(house)).toEqual([]);
});

test("below cli/ nobody writes to the terminal or reads the process, except io/", () => {
  expect(globalsTouched(house)).toEqual([]);
});

test("only io/ touches the network", () => {
  expect(networkTouched(house)).toEqual([]);
});

test("inspect, extract, verify and diff never load the tensor engine", () => {
  expect(engineReached(house)).toEqual([]);
});

describe("planted violations are found", () => {
  test.each([
    [
      "an import that points up",
      { "io/a.ts": 'import { b } from "../trainer/b.js";', "trainer/b.ts": "export const b = 1;" },
      ["io/a.ts -> trainer/b.ts"],
    ],
    [
      "a type import that points up",
      { "io/a.ts": 'import type { B } from "../zip/b.js";', "zip/b.ts": "export type B = 1;" },
      ["io/a.ts -> zip/b.ts"],
    ],
    [
      "an import of a stranger of the same rank",
      { "nn/a.ts": 'export { b } from "../data/b.js";', "data/b.ts": "export const b = 1;" },
      ["nn/a.ts -> data/b.ts"],
    ],
    [
      "a circle inside one folder",
      { "nn/a.ts": 'import "./b.js";', "nn/b.ts": 'import { a } from "./a.js";' },
      ["nn/a.ts -> nn/b.ts -> nn/a.ts"],
    ],
    [
      "the network outside io/",
      { "data/a.ts": 'export const a = () => fetch("https://example.com");' },
      ["data/a.ts uses fetch("],
    ],
    [
      "tfjs outside tensor/",
      { "nn/a.ts": 'import * as tf from "@tensorflow/tfjs-core";' },
      ["nn/a.ts imports @tensorflow/tfjs-core"],
    ],
    [
      "onnxruntime loaded on demand outside engine/",
      { "trainer/a.ts": 'const ort = await import("onnxruntime-node");' },
      ["trainer/a.ts imports onnxruntime-node"],
    ],
    [
      "files touched outside io/",
      { "callbacks/a.ts": 'import { rm } from "node:fs/promises";' },
      ["callbacks/a.ts imports node:fs/promises"],
    ],
    ["printing below cli/", { "trainer/a.ts": 'console.log("hello");' }, ["trainer/a.ts uses console.log"]],
    [
      "inspect reaching the engine by a detour",
      {
        "cli/inspect.ts": 'import { io } from "../checkpoint/io.js";',
        "checkpoint/io.ts": 'const { tf } = await import("../tensor/tf.js");',
        "tensor/tf.ts": 'export * as tf from "@tensorflow/tfjs-core";',
      },
      ["tensor/tf.ts"],
    ],
  ])("%s", (_, files, expected) => {
    expect(withTree(files as unknown as Record<string, string>, violations)).toEqual(expected);
  });
});
