import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";
import { spawnLtrain } from "./spawnLtrain.js";

const FOLDER = fileURLToPath(new URL("../../", import.meta.url));
const CHECKPOINT = "test/fixtures/lightning/autoencoder-adam-steplr.ckpt";

const LINES = [
  ["--help"],
  ["inspect", CHECKPOINT],
  ["inspect", "--keys", CHECKPOINT],
  ["inspect", CHECKPOINT, "--json"],
];

test.each(LINES)("the bundle says of %j what the modules say", async (...args) => {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  const spawned = await spawnLtrain(FOLDER, args);
  expect(spawned).toEqual({ code, stdout: terminal.output, stderr: terminal.messages });
});

test("what the bundle does not have is run from the modules, failures and all", async () => {
  const { code, stderr } = await spawnLtrain(FOLDER, ["train", "--config", "no-such.yaml"]);
  expect({ code, stderr }).toEqual({ code: 4, stderr: "error: there is no config no-such.yaml\n" });
  const told = await spawnLtrain(FOLDER, ["inspect", "no-such.ckpt", "--json"]);
  expect(told.code).toBe(4);
  expect(JSON.parse(told.stderr)).toMatchObject({ error: { code: "file.missing" } });
});

test("V8 takes what it compiled when the bundle was built; a text that is not the bundle's is compiled anew", () => {
  const cachedData = readFileSync(`${FOLDER}dist/cli/bundle.cache`);
  const source = readFileSync(`${FOLDER}dist/cli/bundle.cjs`, "latin1");
  expect(new Script(source, { cachedData }).cachedDataRejected).toBe(false);
  expect(new Script(`${source} `, { cachedData }).cachedDataRejected).toBe(true);
});

test("a reader of the pipe that has seen enough is no failure", async () => {
  const shell = spawn(
    "sh",
    ["-c", `"${process.execPath}" bin/ltrain.js inspect ${CHECKPOINT} --tree; echo "code $?" >&2`],
    {
      cwd: FOLDER,
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  shell.stdout.destroy();
  let stderr = "";
  shell.stderr.on("data", (data: Buffer) => {
    stderr += data.toString();
  });
  await once(shell, "close");
  expect(stderr).toBe("code 0\n");
});
