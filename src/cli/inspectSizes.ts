import type { JsonValue } from "../checkpoint/jsonValue.js";
import { measureSizes } from "../checkpoint/measureSizes.js";
import type { OpenedFile } from "../checkpoint/openCheckpoint.js";
import type { ConsoleStream } from "../io/console.js";
import { renderTable } from "./table.js";
import { formatBytes, formatCount, plural } from "./units.js";

/** So many storages with unused bytes are shown; --json has them all. */
const SHOWN_OVERHANGS = 20;

/** Bytes by section, then the storages of which only a part is used. */
export async function writeSizes(file: OpenedFile, stdout: ConsoleStream): Promise<void> {
  const { sections, overhangs, rest } = measureSizes(file.root, file.byteLength);
  const share = (bytes: number): string => `${((100 * bytes) / Math.max(file.byteLength, 1)).toFixed(1)}%`;
  const rows = sections.map(({ name, tensors, used, stored }) => [
    name,
    formatCount(tensors),
    formatBytes(used),
    formatBytes(stored),
    share(stored),
  ]);
  rows.push(["(pickle, headers, padding)", "", "", formatBytes(rest), share(rest)]);
  const sum = (of: (section: (typeof sections)[number]) => number): number =>
    sections.reduce((total, section) => total + of(section), 0);
  const total = [
    "file",
    formatCount(sum(({ tensors }) => tensors)),
    formatBytes(sum(({ used }) => used)),
    formatBytes(file.byteLength),
    "",
  ];
  const head = ["section", "tensors", "used", "stored", "of the file"];
  stdout.write(`${await renderTable({ head, rows, total, numeric: [1, 2, 3, 4] }, stdout)}\n`);
  if (overhangs.length === 0) return;
  const unused = overhangs.reduce((bytes, { stored, used }) => bytes + stored - used, 0);
  stdout.write(
    `\n${formatBytes(unused)} in ${plural(overhangs.length, "storage")} that no tensor uses; extract leaves it behind\n`,
  );
  const wasteful = overhangs
    .slice(0, SHOWN_OVERHANGS)
    .map(({ paths, used, stored }) => [
      paths.length > 1 ? `${paths[0] ?? ""} and ${paths.length - 1} more` : (paths[0] ?? ""),
      formatBytes(used),
      formatBytes(stored),
    ]);
  const table = { head: ["tensor", "used", "stored"], rows: wasteful, numeric: [1, 2], indent: "  " };
  stdout.write(`${await renderTable(table, stdout)}\n`);
  if (overhangs.length > SHOWN_OVERHANGS) stdout.write(`  and ${overhangs.length - SHOWN_OVERHANGS} more\n`);
}

/** The same as the JSON schema has it. */
export function sizesJson(file: OpenedFile): JsonValue {
  const { sections, overhangs, rest } = measureSizes(file.root, file.byteLength);
  return {
    sections: sections.map((section) => ({ ...section })),
    rest,
    unused: overhangs.map(({ paths, used, stored }) => ({ tensors: paths, used, stored })),
  };
}
