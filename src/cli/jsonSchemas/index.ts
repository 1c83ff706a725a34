import { z } from "zod";
import { EVALUATION_EVENTS, FIT_EVENTS } from "./events.js";
import { CONVERT, DIFF, DOCTOR, EXPORT, EXTRACT, INIT, SANITIZE, VERIFY } from "./files.js";
import { DRY_RUN, PRINTED_CONFIG, RESUME_PLAN } from "./forecasts.js";
import { INSPECT, INSPECT_FOLDER, INSPECT_KEY } from "./inspection.js";
import { COMPLETION, ERROR, PLOT, REPORT, RUNS } from "./runs.js";

/** One kind of JSON that a command prints. */
export interface JsonOutput {
  /** The command line that prints it. */
  readonly printedBy: string;
  readonly schema: z.ZodType;
}

const union = (events: Readonly<Record<string, z.ZodType>>, description: string): z.ZodType =>
  z.union(Object.values(events) as [z.ZodType, ...z.ZodType[]]).describe(description);

/** Everything that `--json` prints, by the names that `ltrain schema` takes. */
export const JSON_OUTPUTS: Readonly<Record<string, JsonOutput>> = {
  train: {
    printedBy: "ltrain train --json, ltrain resume --json",
    schema: union(FIT_EVENTS, "One event of a run on a line."),
  },
  "train-dry-run": { printedBy: "ltrain train --dry-run --json", schema: DRY_RUN },
  "print-config": { printedBy: "ltrain train --print-config --json", schema: PRINTED_CONFIG },
  "resume-plan": { printedBy: "ltrain resume --plan --json", schema: RESUME_PLAN },
  evaluate: {
    printedBy: "ltrain validate --json, ltrain test --json, ltrain predict -o FILE --json",
    schema: union(EVALUATION_EVENTS, "One event when the evaluation is over."),
  },
  export: { printedBy: "ltrain export --json", schema: EXPORT },
  inspect: { printedBy: "ltrain inspect FILE --json", schema: INSPECT },
  "inspect-key": { printedBy: "ltrain inspect FILE --key PATH --json", schema: INSPECT_KEY },
  "inspect-folder": { printedBy: "ltrain inspect FOLDER --json", schema: INSPECT_FOLDER },
  extract: { printedBy: "ltrain extract --json", schema: EXTRACT },
  convert: { printedBy: "ltrain convert --json", schema: CONVERT },
  sanitize: { printedBy: "ltrain sanitize --json", schema: SANITIZE },
  verify: { printedBy: "ltrain verify --json", schema: VERIFY },
  diff: { printedBy: "ltrain diff --json", schema: DIFF },
  runs: { printedBy: "ltrain runs --json", schema: RUNS },
  plot: { printedBy: "ltrain plot --json", schema: PLOT },
  report: { printedBy: "ltrain report --json", schema: REPORT },
  init: { printedBy: "ltrain init --json", schema: INIT },
  doctor: { printedBy: "ltrain doctor --json", schema: DOCTOR },
  completion: { printedBy: "ltrain completion SHELL --json", schema: COMPLETION },
  error: { printedBy: "any command that fails under --json, on stderr", schema: ERROR },
};

/**
 * The JSON Schema (draft 7) of one of them. A member that comes later does not break who reads by it, unless it is to be
 * `closed`: then what it does not name is a mistake.
 */
export function jsonOutputSchema(output: JsonOutput, { closed = false } = {}): object {
  const { $schema, ...schema } = z.toJSONSchema(output.schema, {
    target: "draft-7",
    override: ({ jsonSchema }) => {
      if (!closed && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  return { $schema, title: output.printedBy, ...schema };
}
