import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const text = (path: string): string => readFileSync(ROOT + path, "utf8");
const rows = text("docs/safety.md")
  .split("\n")
  .filter((line) => line.startsWith("| ") && line.includes(".ts`"))
  .map((line) => line.split("|").slice(1, -1));
const constants = rows.flatMap(([, , , source = ""]) =>
  [...source.matchAll(/`(\w+) = ([^`]+)` in `([\w/]+\.ts)`/g)].map(([, name = "", value = "", file = ""]) => {
    return { name, value, file };
  }),
);

/** What is called MAX and refuses nothing: pieces of work, what is only printed shorter, other ways to the same result. */
const NO_LIMITS: ReadonlySet<string> = new Set([
  "zip/checksum.ts MAX_PIECE",
  "pickle/keyPath.ts MAX_KEY_TEXT",
  "pickle/keyPath.ts MAX_STEPS",
  "serialization/barePickle.ts MAX_NAMED",
  "serialization/tensorCall.ts MAX_KEY_BYTES",
  "serialization/tensorCall.ts MAX_AXES",
  "checkpoint/findValue.ts MAX_NAMED",
  "checkpoint/jsonValue.ts MAX_ELEMENTS",
  "checkpoint/describeValue.ts MAX_SHOWN_DEPTH",
  "checkpoint/describeValue.ts MAX_SHOWN_ITEMS",
  "checkpoint/diffNames.ts MAX_COMPARED",
  "checkpoint/diffTrees.ts MAX_TEXT",
  "checkpoint/extractCheckpoint.ts MAX_LISTED_PREFIXES",
  "checkpoint/plainTree.ts MAX_INT_BITS",
]);

test("every limit in the table is in the source with its value, and its test is there", () => {
  expect(rows.length).toBeGreaterThan(30);
  for (const { name, value, file } of constants) {
    const lines = text(`src/${file}`).split("\n");
    expect(lines.map((line) => line.replace("export ", ""))).toContain(`const ${name} = ${value};`);
  }
  for (const [limit = "", , why = "", , tests = ""] of rows) {
    const files = [...tests.matchAll(/`([\w/]+)`/g)].map(([, file = ""]) => `test/${file}.test.ts`);
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => !existsSync(ROOT + file))).toEqual([]);
    expect([limit.trim(), why.trim()]).not.toContain("");
  }
});

test("no limit of what reads foreign files is missing from the table", () => {
  const folders = ["zip", "pickle", "serialization", "checkpoint", "storage"];
  const files = folders.flatMap((folder) => readdirSync(`${ROOT}src/${folder}`).map((name) => `${folder}/${name}`));
  const network = ["io/httpRange.ts", "io/httpSource.ts", "io/httpDeadline.ts", "io/partFiles.ts"];
  const found = [...files, ...network].flatMap((file) =>
    [...text(`src/${file}`).matchAll(/^(?:export )?const ((?:MAX|FREE|COPIES)_\w+) =/gm)].map(
      ([, name = ""]) => `${file} ${name}`,
    ),
  );
  const known = new Set(constants.map(({ file, name }) => `${file} ${name}`));
  expect(found.filter((each) => !known.has(each) && !NO_LIMITS.has(each))).toEqual([]);
  expect([...NO_LIMITS].filter((each) => !found.includes(each))).toEqual([]);
});
