import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openCheckpoint } from "../../src/checkpoint/openCheckpoint.js";
import { LtrainError } from "../../src/errors.js";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";
import { peerTest } from "./peer.js";
import { askFiles, readByPeers } from "./peerFiles.js";
import { inTemporaryFolder } from "./runs.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));

/** torch takes minutes for a name of this length. */
const TOO_SLOW = ["hostile/pickle-global-very-long.ckpt"];
/** Classes that torch accepts once torch.nested and torch._dynamo have been imported, and refuses until then. */
const IMPORTED = ["torch/nested-jagged.pt"];

const files = ["torch", "lightning", "hostile"]
  .flatMap((folder) => readdirSync(FIXTURES + folder, { withFileTypes: true }).map((entry) => ({ folder, entry })))
  .filter(({ entry }) => entry.isFile() && /\.(ckpt|pt|pth|bin)$/.test(entry.name))
  .map(({ folder, entry }) => `${folder}/${entry.name}`)
  .filter((file) => !TOO_SLOW.includes(file) && !IMPORTED.includes(file));

/** What `inspect --globals` says: the refused names and opcodes, or "unread" of a file that is damaged or lies. */
async function ownVerdict(file: string): Promise<"unread" | readonly string[]> {
  try {
    const opened = await openCheckpoint(FIXTURES + file);
    await opened.close();
    return [...opened.foreignGlobals.map(String), ...(opened.refusedOpcodes ?? [])];
  } catch (error) {
    if (error instanceof LtrainError) return "unread";
    throw error;
  }
}

/** Complaints of torch's reader of weights itself: of a name, an opcode or a target; not of an archive that it cannot open. */
const REFUSED_FOR_SAFETY =
  /Unsupported global|unsupported GLOBAL|must be imported to load|Trying to call reduce for unrecognized|Can only (?:create new object|build)/;
const NAMED = /Unsupported global: GLOBAL (\S+) was not an allowed global/;

peerTest(
  "what inspect --globals says of every fixture, hostile ones too, is what torch.load(weights_only=True) does",
  async () => {
    const answers = askFiles<{ verdict: string }>(files.map((file) => ({ verdict: FIXTURES + file })));
    const wrong: object[] = [];
    const counts = { accepted: 0, refused: 0 };
    for (const [index, file] of files.entries()) {
      const torch = answers[index]?.verdict ?? "";
      const own = await ownVerdict(file);
      if (own === "unread") continue;
      if (torch === "accepted" && own.length > 0) wrong.push({ file, torch, own });
      if (REFUSED_FOR_SAFETY.test(torch) && own.length === 0) wrong.push({ file, torch, own });
      const [, named] = NAMED.exec(torch) ?? [];
      // torch says a builtin's name alone, whatever Python's module of them is called in the file.
      const names = [named, `builtins.${named}`, `__builtin__.${named}`];
      if (named !== undefined && !names.some((name) => name !== undefined && own.includes(name))) {
        wrong.push({ file, torch, own });
      }
      if (torch === "accepted") counts.accepted += 1;
      else if (REFUSED_FOR_SAFETY.test(torch)) counts.refused += 1;
    }
    expect(wrong).toEqual([]);
    expect(counts.accepted).toBeGreaterThan(120);
    expect(counts.refused).toBeGreaterThan(30);
  },
  600_000,
);

peerTest(
  "a part with objects of classes that torch refuses is plain data in every file that extract and convert write",
  async () => {
    await inTemporaryFolder(async (folder) => {
      const input = `${FIXTURES}sanitize/objects.ckpt`;
      const commands = [
        ["extract", input, "--key", "config_tensor", "-o", join(folder, "part.pt")],
        ["extract", input, "--key", "$", "-o", join(folder, "whole.pt")],
        ["extract", input, "--prefix", "", "-o", join(folder, "state.ckpt")],
        ["convert", input, "--allow-loss", "-o", join(folder, "all.ckpt")],
      ];
      const written: string[] = [];
      for (const command of commands) {
        const terminal = recordingTerminal();
        const code = await run(["node", "ltrain", ...command], terminal);
        expect({ command, code, messages: code === 0 ? "" : terminal.messages }).toEqual({
          command,
          code: 0,
          messages: "",
        });
        expect({ command, told: /plain data|becomes a dict/.test(terminal.messages + terminal.output) }).toEqual({
          command,
          told: true,
        });
        written.push(command.at(-1) ?? "");
      }
      for (const [index, { error }] of readByPeers(written).entries()) {
        expect({ file: written[index], error }).toEqual({ file: written[index], error: undefined });
      }
    });
  },
);
