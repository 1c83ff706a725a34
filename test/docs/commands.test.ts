import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RangeServer } from "../io/rangeServer.js";
import { documentedCommands, missingLines } from "./documentedCommands.js";
import { NOT_RUN } from "./notRun.js";
import { WORLDS } from "./pages.js";
import { Worlds } from "./worlds.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const text = (page: string): string => readFileSync(join(ROOT, page), "utf8");
const names = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md"));
const readmes = readdirSync(join(ROOT, "examples"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith("README.md"))
  .map((name) => `examples/${name}`);
const PAGES = ["README.md", ...readmes, ...names.map((name) => `docs/${name}`)]
  .map((page) => [page, documentedCommands(text(page))] as const)
  .filter(([, commands]) => commands.length > 0);

let worlds: Worlds;
beforeAll(async () => {
  worlds = await Worlds.create(tmpdir());
});
afterAll(async () => {
  await worlds.dispose();
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

function shell(command: string, folder: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn("bash", ["-c", command], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        PATH: `${worlds.bin}:${process.env["PATH"] ?? ""}`,
        NODE: process.execPath,
        LTRAIN: join(ROOT, "bin", "ltrain.js"),
        NO_COLOR: "1",
      },
    });
    let output = "";
    const hear = (data: Buffer): void => {
      output += data.toString();
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({ code, output });
    });
  });
}

test("every page that has commands has a world to run them in, and every world a page", () => {
  expect(PAGES.map(([page]) => page).sort()).toEqual(Object.keys(WORLDS).sort());
  expect(PAGES.flatMap(([, commands]) => commands).length).toBeGreaterThan(40);
});

test("the list of commands that are not run names commands of the pages, each with a reason", () => {
  for (const { page, command, because } of NOT_RUN) {
    const here = PAGES.find(([name]) => name === page)?.[1].map((documented) => documented.command) ?? [];
    expect({ page, command, count: here.filter((each) => each === command).length }).toEqual({
      page,
      command,
      count: 1,
    });
    expect(because.length).toBeGreaterThan(10);
  }
});

test("an exit code, or a preparation, is there only for commands that a page has", () => {
  for (const [page, { codes = {}, before = {} }] of Object.entries(WORLDS)) {
    const here = PAGES.find(([name]) => name === page)?.[1].map(({ command }) => command) ?? [];
    for (const command of [...Object.keys(codes), ...Object.keys(before)])
      expect([page, here]).toEqual([page, expect.arrayContaining([command])]);
  }
});

test.each(PAGES)(
  "the commands of %s do what the page says",
  async (page, commands) => {
    const world = WORLDS[page] ?? {};
    const folder = await worlds.folderOf(world);
    const served = world.serves ?? [];
    const files = await Promise.all(served.map(async (name) => [name, await readFile(join(ROOT, "test/fixtures", name))] as const)); // prettier-ignore
    const server = await RangeServer.start(Object.fromEntries(files));
    const failures: string[] = [];
    for (const { line, command, output: shown } of commands) {
      const exception = NOT_RUN.find((each) => each.page === page && each.command === command);
      if (exception !== undefined && exception.instead === undefined) continue;
      await world.before?.[command]?.(folder);
      const typed = (exception?.instead ?? command).replaceAll("http://127.0.0.1:8765/", server.url(""));
      const { code, output } = await shell(typed, folder);
      const wanted = world.codes?.[command] ?? 0;
      const missing = missingLines(
        shown.filter((each) => world.unstable?.test(each) !== true),
        output,
        world.numbersVary ?? false,
      );
      if (code === wanted && missing.length === 0) continue;
      failures.push(`${page}:${line}: ${typed}\nexit code ${code}, expected ${wanted}; not in the output:\n${missing.join("\n")}\nthe output:\n${output}`); // prettier-ignore
    }
    await server.close();
    expect(failures.join("\n\n")).toBe("");
  },
  300_000,
);
