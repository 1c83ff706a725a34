import type { CheckpointDiff, TensorChange, TensorForm } from "../checkpoint/diffCheckpoints.js";
import type { Renamed } from "../checkpoint/diffNames.js";
import type { ValueChange } from "../checkpoint/diffTrees.js";
import { foldSections } from "./diffSections.js";
import { printable } from "./printable.js";
import type { TableStream } from "./table.js";
import { renderTable } from "./table.js";
import { shortened } from "./textWidth.js";
import { formatCount, plural } from "./units.js";

/** A value longer than this is cut in its middle. */
const VALUE_WIDTH = 100;

/** What differs between two files, as lines; with `stat` only how much. */
export async function diffText(
  diff: CheckpointDiff,
  names: { readonly a: string; readonly b: string },
  { stat }: { readonly stat: boolean },
  stream: TableStream,
): Promise<string> {
  const head = [`--- ${printable(names.a)}`, `+++ ${printable(names.b)}`];
  if (stat) return [...head, ...summaryLines(diff)].join("\n");
  const { lines, values, onlyA, onlyB } = foldSections(diff);
  const changed = diff.changed.length === 0 ? [] : [await changedTable(diff.changed, stream)];
  return [
    ...head,
    ...values.map(valueLine),
    ...lines.map(printable),
    ...[...onlyA].map((entry) => tensorLine("-", entry)),
    ...[...onlyB].map((entry) => tensorLine("+", entry)),
    ...diff.renamed.map(renamedLine),
    ...changed,
    ...summaryLines(diff),
  ].join("\n");
}

function valueLine({ path, a, b }: ValueChange): string {
  const shown = (text: string): string => shortened(printable(text), VALUE_WIDTH);
  if (a === null) return `+ ${printable(path)}: ${shown(b ?? "")}`;
  if (b === null) return `- ${printable(path)}: ${shown(a)}`;
  return `~ ${printable(path)}: ${shown(a)} → ${shown(b)}`;
}

function tensorLine(sign: string, [name, form]: readonly [string, TensorForm]): string {
  return `${sign} ${printable(name)}: ${formText(form)}`;
}

const BY: Readonly<Record<Renamed["by"], string>> = {
  content: "same numbers",
  shape: "the only ones of this shape",
  order: "as many of this shape, in the same order",
};

function renamedLine({ from, to, by }: Renamed): string {
  return `> ${printable(from)} → ${printable(to)} (${BY[by]})`;
}

function changedTable(changed: readonly TensorChange[], stream: TableStream): Promise<string> {
  const rows = changed.map(({ name, a, b, values }) => [
    `~ ${name}`,
    a.dtype === b.dtype ? a.dtype : `${a.dtype} → ${b.dtype}`,
    shapeText(a) === shapeText(b) ? shapeText(a) : `${shapeText(a)} → ${shapeText(b)}`,
    numberText(values?.maxAbs ?? null),
    numberText(values?.maxRel ?? null),
    values === null ? "" : `${formatCount(values.different)} of ${formatCount(values.elements)}`,
  ]);
  return renderTable(
    { head: ["  tensor", "dtype", "shape", "max abs", "max rel", "different"], rows, numeric: [3, 4, 5] },
    stream,
  );
}

function numberText(value: number | null): string {
  if (value === null) return "";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : "inf";
  return value === 0 ? "0" : value.toPrecision(3);
}

function formText(form: TensorForm): string {
  return `${form.dtype} ${shapeText(form)}`;
}

function shapeText({ shape }: TensorForm): string {
  return `[${shape.join(", ")}]`;
}

function summaryLines(diff: CheckpointDiff): string[] {
  const parts = [
    `${formatCount(diff.equal)} equal`,
    ...(diff.changed.length > 0 ? [`${formatCount(diff.changed.length)} different`] : []),
    ...(diff.onlyA.size > 0 ? [`${formatCount(diff.onlyA.size)} only in the first`] : []),
    ...(diff.onlyB.size > 0 ? [`${formatCount(diff.onlyB.size)} only in the second`] : []),
    ...(diff.renamed.length > 0 ? [`${formatCount(diff.renamed.length)} renamed`] : []),
  ];
  return [
    `tensors: ${parts.join(", ")}`,
    `${plural(diff.values.length, "other value")} differ${diff.values.length === 1 ? "s" : ""}`,
  ];
}
