import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { makeFolder, readText, statusOf, writeTextAtomically } from "../io/textFile.js";
import { jsonDocument } from "./jsonWriter.js";
import { printable } from "./printable.js";
import { commandLine } from "./shellWords.js";

/** What `ltrain init` was asked for. */
export interface InitOptions {
  readonly folder: string;
  readonly json: boolean;
  /** ltrain's own, which the project will ask npm for. */
  readonly version: string;
}

/** The example that a project begins as; the repository's tests train it. */
const STARTER = fileURLToPath(new URL("../../examples/starter/", import.meta.url));
const OWN_FILES = ["config.yaml", "model.ts", "data.ts"] as const;

/** `ltrain init`: a small project that trains at once. Nothing that is there is replaced. Gives the exit code. */
export async function runInit({ folder, json, version }: InitOptions, terminal: Terminal): Promise<number> {
  const taken = await namesIn(folder, OWN_FILES);
  if (taken.length > 0) {
    throw new LtrainError("output.refused", `${folder} has ${taken.join(", ")} already; nothing was written`, {
      hint: "name another folder: ltrain init my-project",
    });
  }
  await makeFolder(folder);
  const texts: readonly (readonly [string, string])[] = [
    ...(await Promise.all(OWN_FILES.map(async (name) => [name, await starterText(name)] as const))),
    ["package.json", packageJson(version)],
    ["tsconfig.json", TSCONFIG],
    [".gitignore", "node_modules/\nlightning_logs/\n"],
  ];
  const kept = await namesIn(folder, texts.map(([name]) => name)); // prettier-ignore
  const written: string[] = [];
  for (const [name, text] of texts) {
    if (kept.includes(name)) continue;
    await writeTextAtomically(join(folder, name), text);
    written.push(name);
  }
  const next = [...(folder === "." ? [] : [commandLine("cd", folder)]), "npx ltrain train --config config.yaml"];
  const lines = [
    ...written.map((name) => `wrote    ${printable(join(folder, name))}`),
    ...kept.map((name) => `kept     ${printable(join(folder, name))}, which was there`),
    `next     ${next.join(" && ")}`,
  ];
  terminal.stdout.write(json ? jsonDocument({ folder, written, kept, next }) : `${lines.join("\n")}\n`);
  return 0;
}

async function namesIn(folder: string, names: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(names.map(async (name) => ((await statusOf(join(folder, name))) ? [name] : [])));
  return found.flat();
}

/** A file of the example; in a project of its own the schema lies elsewhere. */
async function starterText(name: string): Promise<string> {
  const text = await readText(join(STARTER, name));
  return text.replace("$schema=../../dist/", "$schema=node_modules/ltrain/dist/");
}

function packageJson(version: string): string {
  const content = {
    private: true,
    type: "module",
    scripts: { train: "ltrain train --config config.yaml", resume: "ltrain resume" },
    dependencies: { ltrain: `^${version}` },
    devDependencies: { typescript: "^5.9.0" },
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

const TSCONFIG = `{
  "compilerOptions": {
    "target": "ES2022",
    "module": "NodeNext",
    "strict": true,
    "noUncheckedIndexedAccess": true,
    "noImplicitOverride": true,
    "skipLibCheck": true,
    "noEmit": true
  },
  "include": ["*.ts"]
}
`;
