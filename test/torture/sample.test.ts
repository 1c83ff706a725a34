import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const RUN = fileURLToPath(new URL("run.mjs", import.meta.url));

/** What a part of `npm run test:torture` says in so many rounds, and its exit code. */
function torture(name: string, rounds: number): Promise<{ readonly code: number | null; readonly said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [RUN, "--rounds", String(rounds), name]);
    let said = "";
    child.stdout.on("data", (data: Buffer) => (said += data.toString()));
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({ code, said });
    });
  });
}

// Of the long run that docs/durability.md counts, as much as has its place among the other tests.
test.each([
  ["kills", 4],
  ["rivals", 1],
  ["corruptions", 2],
  ["resumes", 3],
])(
  "%s: whatever happens to the real program, nothing is lost (%i rounds)",
  async (name, rounds) => {
    const { code, said } = await torture(name, rounds);
    expect(said).toMatch(new RegExp(`^${name}: (\\d+) of \\1 held in \\d+ s`));
    expect(code).toBe(0);
  },
  300_000,
);
