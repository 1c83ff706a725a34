/** Words that a line of a run begins with, and how they are set off. */
const LABELS: readonly (readonly [RegExp, (label: string) => string])[] = [
  [/^done(?= )/, (label) => `\x1b[32m${label}\x1b[39m`],
  [/^stopped(?= )|^warning:/, (label) => `\x1b[33m${label}\x1b[39m`],
  [
    /^(?:run|engine|disk|from|best|last|saved|resume|inspect|compiled|note:|changed)(?= )/,
    (label) => `\x1b[2m${label}\x1b[22m`,
  ],
];

/** A line that a run says, with its first word in color: for terminals that have any. */
export function coloredLine(line: string): string {
  for (const [pattern, color] of LABELS) if (pattern.test(line)) return line.replace(pattern, color);
  return line;
}
