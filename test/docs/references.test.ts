import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createProgram } from "../../src/cli/program.js";
import { recordingTerminal } from "../../src/io/console.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const pages = ["README.md", ...readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`)].map(
  (page) => [page, readFileSync(join(ROOT, page), "utf8")] as const,
);
const prose = (markdown: string): string => markdown.replace(/^```.*?^```/gms, "");
const commands = new Map(
  createProgram(recordingTerminal(), () => undefined).commands.map((command) => [
    command.name(),
    ["--help", "--debug", "--color", "--no-color", ...command.options.flatMap(({ long, short }) => [long, short])],
  ]),
);
/** Sections of a config that are options of their own. */
const SECTIONS = ["--model", "--data", "--trainer", "--optimizer", "--lr_scheduler"];

test.each(pages)("what %s says of commands in passing are commands and options that there are", (_page, markdown) => {
  for (const [, words = ""] of prose(markdown).matchAll(/`(?:npx )?ltrain ([^`]+)`/g)) {
    const [name = "", ...rest] = words.split(/\s+/);
    if (!/^[a-z]+$/.test(name)) continue; // ltrain --version
    expect([words, [...commands.keys()]]).toEqual([words, expect.arrayContaining([name])]);
    const options = rest.map((word) => word.replace(/[=,[\]].*$/, "")).filter((word) => /^--?[a-z]/.test(word) && !word.includes(".")); // prettier-ignore
    for (const option of options) expect([words, [...SECTIONS, ...(commands.get(name) ?? [])]]).toEqual([words, expect.arrayContaining([option])]); // prettier-ignore
  }
});

test.each(pages)("%s has its commands in fences, where another test finds and runs them", (_page, markdown) => {
  expect(prose(markdown).match(/^ {4,}(?:npm|npx|ltrain|node|\.\/|cp|export) .*$/gm)).toBeNull();
});

test.each(pages)("what %s says to run with npm are scripts of package.json", (_page, markdown) => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: object };
  const named = [...markdown.matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1]);
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named));
});

test.each(pages)("the links of %s lead to files and headings that are there", (page, markdown) => {
  for (const [, target = ""] of prose(markdown).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [path = "", heading] = target.split("#");
    const file = path === "" ? join(ROOT, page) : join(ROOT, dirname(page), path);
    expect([target, existsSync(file)]).toEqual([target, true]);
    if (heading === undefined) continue;
    const slugs = [...readFileSync(file, "utf8").matchAll(/^#+ (.+)$/gm)].map(
      ([, title = ""]) =>
      title.toLowerCase().replace(/[^\p{L}\p{N} -]/gu, "").replaceAll(" ", "-"), // prettier-ignore
    );
    expect([target, slugs]).toEqual([target, expect.arrayContaining([heading])]);
  }
});

test("README's index names every page of docs", () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  for (const [page] of pages) if (page !== "README.md") expect(readme).toContain(`(${page}`);
});
