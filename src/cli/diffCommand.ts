import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import type { Terminal } from "../io/console.js";

interface DiffGiven {
  readonly rtol: number;
  readonly atol: number;
  readonly equalNan: boolean;
  readonly keysOnly: boolean;
  readonly weights: boolean;
  readonly stat: boolean;
  readonly map?: string;
  readonly json: boolean;
}

/** Add `ltrain diff`; what it does is loaded when it is asked for. */
export function addDiff(program: Command, terminal: Terminal, done: (exitCode: number) => void): void {
  program
    .command("diff")
    .description("compare two checkpoints: values, names, shapes and numbers; exit code 1 where they differ")
    .usage("[options] A B")
    .argument("<path...>", "two files; or the seven arguments that git gives an external diff")
    .option("--rtol <r>", "numbers are the same when |a - b| <= atol + rtol * |b|, as in torch.allclose", tolerance, 0)
    .option("--atol <a>", "see --rtol", tolerance, 0)
    .option("--no-equal-nan", "two NaNs differ")
    .option("--keys-only", "names, dtypes and shapes; no tensor is read", false)
    .option("--weights", "the state_dicts alone", false)
    .option("--stat", "how much differs, not what", false)
    .option("--map <file>", "write the old and new names of renamed tensors, for extract --map")
    .option("--json", "everything as one JSON object", false)
    .action(async (paths: readonly string[], given: DiffGiven) => {
      const { runDiff } = await import("./diff.js");
      done(await runDiff({ ...given, paths }, terminal));
    });
}

function tolerance(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("a number that is not negative is needed");
}
