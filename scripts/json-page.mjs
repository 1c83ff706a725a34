// Writes docs/json.md: what every command prints under --json, from the schemas of src/cli/jsonSchemas. Run it after
// `npm run build` when they have changed; --print only shows it; a test says when it was forgotten.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import prettier from "prettier";

const PAGE = fileURLToPath(new URL("../docs/json.md", import.meta.url));

const HEAD = `# What \`--json\` prints

Every command has \`--json\`. What it prints on stdout is one JSON object, or, where something goes on (\`train\`, \`resume\`,
\`validate\`, \`test\`, \`predict\`), one object on a line; progress and warnings stay on stderr. The first member is
\`schema_version\` (of a line, behind \`event\`): **1**. It is raised when a member goes or changes its meaning, not when one
comes, so read what you know and leave the rest.

- A part that is not there is \`null\`. JSON has no NaN and no infinities: they are \`"nan"\`, \`"inf"\`, \`"-inf"\`.
- What would move a terminal's cursor in names from a file is escaped as \`\\u001b\`.
- A failure is one object on stderr ([error](#error)), and the exit code says its kind ([exit-codes.md](exit-codes.md)).
- The JSON Schemas (draft 7) are printed by \`ltrain schema NAME\`, and lie in the package as
  \`dist/schemas/NAME.schema.json\`. \`ltrain schema\` alone prints the schema of a config, which is JSON anyway.

\`\`\`sh
ltrain schema verify > verify.schema.json
ltrain runs --json | jq -r '.runs[] | select(.state == "interrupted").path'
ltrain train --config c.yaml --json | jq -c 'select(.event == "validation") | {epoch, metrics}'
\`\`\`
`;

/** The page of some outputs, each with its name, the command that prints it and its schema. */
async function jsonPage(outputs) {
  const sections = outputs.map(({ name, printedBy, schema }) =>
    [
      `## ${name}`,
      printedBy.split(", ").every((part) => part.startsWith("ltrain"))
        ? `\`${printedBy.replaceAll(", ", "`, `")}\``
        : printedBy,
      `${sentence(schema.description ?? "")}`,
      ...(isObject(schema)
        ? [tableOf(schema)]
        : schema.anyOf.flatMap((event) => [sentence(event.description), tableOf(event)])),
    ].join("\n\n"),
  );
  const text = [HEAD, ...sections].join("\n");
  return prettier.format(text, { ...(await prettier.resolveConfig(PAGE)), parser: "markdown" });
}

const sentence = (text) => (text === "" ? "" : `${text[0].toUpperCase()}${text.slice(1).replace(/\.?$/, ".")}`);
const isObject = ({ properties }) => properties !== undefined;

function tableOf(schema) {
  const rows = rowsOf(schema, "").map(
    ([path, type, meaning]) => `| \`${path}\` | ${type} | ${meaning.replaceAll("|", "\\|")} |`,
  );
  return ["| member | type | is |", "| --- | --- | --- |", ...new Set(rows)].join("\n");
}

/** Members that are told elsewhere. */
const TOLD = {
  schema_version: null, // at the page's head
  parts: "the dense tensors it is made of, by name, each as a tensor is here",
  tensor: "as one of [inspect](#inspect)'s `tensors`",
};

/** The members of an object, and of what is in them. */
function rowsOf({ properties, required = [] }, prefix) {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const path = `${prefix}${name}`;
    const optional = required.includes(name) ? "" : ", optional";
    if (TOLD[name] === null) return [];
    if (TOLD[name] !== undefined && typeOf(schema) === "object") return [[path, `object${optional}`, TOLD[name]]];
    const inner = innerOf(schema).flatMap(([step, part]) => rowsOf(part, `${path}${step}.`));
    return [
      [path, `${typeOf(schema)}${optional}`, schema.const === undefined ? (schema.description ?? "") : ""],
      ...inner,
    ];
  });
}

/** The objects that a member is or holds, with what leads to them. */
function innerOf(schema) {
  if (isObject(schema)) return [["", schema]];
  if (schema.items) return innerOf(schema.items).map(([step, part]) => [`[]${step}`, part]);
  if (typeof schema.additionalProperties === "object")
    return innerOf(schema.additionalProperties).map(([step, part]) => [`.NAME${step}`, part]);
  return (schema.anyOf ?? []).flatMap(innerOf);
}

function typeOf(schema) {
  if (schema.anyOf) {
    const kinds = schema.anyOf.filter((each) => !String(each.enum).includes("nan")).map(typeOf);
    return [...new Set(kinds)].join(" or ");
  }
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``.replaceAll("|", "\\|");
  if (schema.items) return `array of ${typeOf(schema.items)}`;
  return schema.type ?? "any";
}

const { JSON_OUTPUTS, jsonOutputSchema } = await import("../dist/cli/jsonSchemas/index.js");
const outputs = Object.entries(JSON_OUTPUTS).map(([name, output]) => ({
  name,
  printedBy: output.printedBy,
  schema: jsonOutputSchema(output),
}));
const page = await jsonPage(outputs);
if (process.argv.includes("--print")) process.stdout.write(page);
else writeFileSync(PAGE, page);
