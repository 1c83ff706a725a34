import { display } from "../config/userModule.js";
import { printable } from "./printable.js";
import type { ResumePlan } from "./resumePlan.js";
import { formatBytes, formatCount, plural } from "./units.js";

/** How many examples of the next batch are named. */
const SHOWN_EXAMPLES = 8;

/** A plan in lines: a word in front, the facts behind it. */
export function planText(plan: ResumePlan): string {
  const { checkpoint, next } = plan;
  const rows: [string, string][] = [
    [
      "from",
      `${display(checkpoint.path)} (epoch ${checkpoint.epoch}, step ${formatCount(checkpoint.global_step)}; sound, ` +
        `${plural(checkpoint.checksums_right, "checksum")} right)`,
    ],
    ["restores", plan.restores.join("; ")],
    ["run", `${display(plan.run_folder)} (${plan.goes_on_there ? "the run goes on there" : "a new one"})`],
    ...list("harmless", plan.config.harmless),
    ...list("changes the mathematics", plan.config["changes-the-mathematics"]),
    ...list("impossible", plan.impossible),
    ["next", plan.finished ? "nothing is left to train: the limits of the config are reached" : nextText(next)],
    ["lr", plan.lr.join(", ")],
    ...plan.disk.map(({ folder, files, bytes, free }): [string, string] => [
      "disk",
      `${display(folder)}: up to ${plural(files, "more checkpoint")} of ${formatBytes(bytes / files)}, ` +
        `${formatBytes(bytes)} in all; ${free === null ? "free space unknown" : `${formatBytes(free)} free`}`,
    ]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return `${rows.map(([name, text]) => `${name.padEnd(width)}${printable(text)}`).join("\n")}\n`;
}

function list(name: string, lines: readonly string[]): [string, string][] {
  return lines.length === 0 ? [] : lines.map((line) => [name, line]);
}

function nextText({ epoch, due, batch, batches, examples, unknown }: ResumePlan["next"]): string {
  const first = due === null ? "" : `${due}, then `;
  const of = batches === null ? "" : ` of ${formatCount(batches)}`;
  const where = `${first}epoch ${epoch}, batch ${batch}${of}`;
  if (unknown !== null) return `${where} (the training data could not be looked at: ${unknown})`;
  if (examples === null) return `${where} (its examples are drawn when the epoch begins)`;
  const more = examples.length > SHOWN_EXAMPLES ? ", ..." : "";
  return `${where}: examples ${examples.slice(0, SHOWN_EXAMPLES).join(", ")}${more}`;
}
