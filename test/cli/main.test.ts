import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";

async function ltrain(...args: string[]): Promise<{ code: number; output: string; messages: string }> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  return { code, output: terminal.output, messages: terminal.messages };
}

test("a misspelt command or option is a usage error that names the nearest", async () => {
  expect(await ltrain("inspct")).toMatchObject({
    code: 2,
    messages: "error: unknown command 'inspct'\nhint:  did you mean inspect?\n",
  });
  expect(await ltrain("extract", "--prefx", "a.")).toMatchObject({
    code: 2,
    messages: "error: unknown option '--prefx'\nhint:  did you mean --prefix?\n",
  });
  expect(await ltrain("train", "--cofnig", "a.yaml")).toMatchObject({
    code: 2,
    messages: "error: unknown option --cofnig\nhint:  did you mean --config?\n",
  });
});

test("a config given without --config is pointed out", async () => {
  const { code, messages } = await ltrain("train", "a.yaml");
  expect(code).toBe(2);
  expect(messages).toContain("hint:  did you mean --config a.yaml?");
});

test("under --json a usage error is one JSON object on stderr", async () => {
  const { messages } = await ltrain("inspect", "--json");
  expect(JSON.parse(messages)).toEqual({
    schema_version: 1,
    error: { code: "usage.invalid", message: "missing required argument 'path'", hint: "see ltrain inspect --help" },
  });
});

test("help and version are answers: stdout and exit code 0; no command at all is a usage error", async () => {
  expect(await ltrain("--version")).toMatchObject({ code: 0, messages: "" });
  const help = await ltrain("--help");
  expect(help).toMatchObject({ code: 0, messages: "" });
  for (const command of ["train", "resume", "inspect", "extract"])
    expect(help.output).toContain(`  ${command} [options]`);
  expect(await ltrain()).toMatchObject({ code: 2, output: "" });
});

const BIN = fileURLToPath(new URL("../../bin/ltrain.js", import.meta.url));
const FIXTURE = fileURLToPath(new URL("../fixtures/lightning/autoencoder-adam-steplr.ckpt", import.meta.url));

test("the installed command prints to stdout and ends with the failure's exit code", () => {
  const inspected = spawnSync(process.execPath, [BIN, "inspect", "--keys", FIXTURE], { encoding: "utf8" });
  expect({ status: inspected.status, stderr: inspected.stderr }).toEqual({ status: 0, stderr: "" });
  expect(inspected.stdout).toContain("encoder.l1.0.weight");
  expect(inspected.stdout).not.toContain("\u001b"); // no terminal, no colours
  const missing = spawnSync(process.execPath, [BIN, "inspect", "nothere.ckpt"], { encoding: "utf8" });
  expect(missing).toMatchObject({ status: 4, stdout: "", stderr: "error: there is no file or folder nothere.ckpt\n" });
});

test("a reader that goes away early is no failure", () => {
  const command = `"${process.execPath}" "${BIN}" inspect --json "${FIXTURE}" | head -c 1; echo " \${PIPESTATUS[0]}"`;
  const { stdout, stderr } = spawnSync("bash", ["-c", command], { encoding: "utf8" });
  expect({ stdout, stderr }).toEqual({ stdout: "{ 0\n", stderr: "" });
});
