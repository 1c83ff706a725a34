import { escapeMarkup } from "../plot/escapeMarkup.js";
import { valueText } from "../plot/scale.js";
import type { RunWeights, WeightHistogram } from "./reportData.js";

const HEIGHT = 56;

/** The weights of a run, a small picture for every tensor. */
export function weightFigures({ histograms, left }: RunWeights): string {
  const note = left === 0 ? "" : `<p class="note">${left} more tensors are not shown.</p>`;
  return `<div class="weights">${histograms.map(figure).join("")}</div>${note}`;
}

function figure({ name, shape, dtype, histogram }: WeightHistogram): string {
  const { counts, min, max, stats } = histogram;
  const highest = Math.max(...counts, 1);
  const bars = counts
    .map((count, i) => {
      const height = Math.round((count / highest) * HEIGHT * 10) / 10;
      return count === 0 ? "" : `M${i} ${HEIGHT}v${-Math.max(height, 0.7)}h.92V${HEIGHT}z`;
    })
    .join("");
  const at = min < 0 && max > 0 ? (-min / (max - min)) * counts.length : null;
  const zero = at === null ? "" : `<path class="zero" d="M${at.toFixed(2)} 0V${HEIGHT}"/>`;
  const mean = typeof stats.mean === "number" ? stats.mean : Number.NaN;
  const facts = [`mean ${valueText(mean)}`, `std ${valueText(stats.std)}`];
  if (stats.nan > 0) facts.push(`${stats.nan} NaN`);
  if (stats.inf > 0) facts.push(`${stats.inf} Inf`);
  const title = escapeMarkup(name);
  const size = [shape.join(" × "), ...(dtype === "float32" ? [] : [dtype]), ...facts].join(" · ");
  const label = `${title}: ${facts.join(", ")}, from ${valueText(min)} to ${valueText(max)}`;
  return `<figure><figcaption><b>${title}</b><span>${escapeMarkup(size)}</span></figcaption><svg viewBox="0 0 ${counts.length} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${label}"><path class="bars" d="${bars}"/>${zero}</svg><div class="ends"><span>${valueText(min)}</span><span>${valueText(max)}</span></div></figure>`;
}
