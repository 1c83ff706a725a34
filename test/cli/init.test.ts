import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";
import { spawnLtrain } from "./spawnLtrain.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ltrain-init-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function ltrain(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  return { code, out: terminal.output, err: terminal.messages };
}

test("init writes a project that trains at once and learns", async () => {
  const project = join(folder, "spirals");
  const { code, out } = await ltrain("init", project, "--json");
  expect(code).toBe(0);
  const names = ["config.yaml", "model.ts", "data.ts", "package.json", "tsconfig.json", ".gitignore"];
  expect(JSON.parse(out)).toEqual({
    schema_version: 1,
    folder: project,
    written: names,
    kept: [],
    next: [`cd ${project}`, "npx ltrain train --config config.yaml"],
  });
  expect((await readdir(project)).sort()).toEqual([...names].sort());
  const config = join(project, "config.yaml");
  expect((await readFile(config, "utf8")).split("\n", 1)[0]).toBe(
    "# yaml-language-server: $schema=node_modules/ltrain/dist/config.schema.json",
  );
  const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")) as {
    readonly version: string;
  };
  expect(JSON.parse(await readFile(join(project, "package.json"), "utf8"))).toMatchObject({
    dependencies: { ltrain: `^${version}` },
  });

  const trained = await spawnLtrain(project, ["train", "--config", "config.yaml"]);
  expect(trained).toMatchObject({ code: 0, stderr: expect.stringContaining("done     20 epochs") as string });
  const metrics = (await readFile(join(project, "lightning_logs/version_0/metrics.csv"), "utf8")).trim().split("\n");
  const column = (metrics[0] ?? "").split(",").indexOf("val_acc");
  const accuracies = metrics.slice(1).map((line) => line.split(",")[column] ?? "").filter((cell) => cell !== ""); // prettier-ignore
  expect(accuracies).toHaveLength(20);
  // Chance is a half; 800 points of two spirals are learned nearly whole in twenty epochs.
  expect(Number(accuracies.at(-1))).toBeGreaterThan(0.9);
});

test("init replaces nothing: a config stops it, a package.json stays as it is", async () => {
  await writeFile(join(folder, "package.json"), '{"name":"mine"}');
  const first = await ltrain("init", folder);
  expect(first.code).toBe(0);
  expect(first.out).toContain(`kept     ${join(folder, "package.json")}, which was there`);
  expect(await readFile(join(folder, "package.json"), "utf8")).toBe('{"name":"mine"}');

  await writeFile(join(folder, "config.yaml"), "mine");
  const second = await ltrain("init", folder);
  expect(second.code).toBe(5);
  expect(second.err).toContain(`${folder} has config.yaml, model.ts, data.ts already; nothing was written`);
  expect(await readFile(join(folder, "config.yaml"), "utf8")).toBe("mine");
});
