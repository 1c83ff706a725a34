/**
 * Colors of curves on light and on dark ground: told apart by people who see red and green alike, and each with a
 * contrast of at least 3 to 1 against its ground (WCAG 1.4.11).
 */
export const PALETTE = [
  { name: "blue", light: "#2563ae", dark: "#7ab3ef", ansi: 34 },
  { name: "orange", light: "#c2541b", dark: "#f0975c", ansi: 33 },
  { name: "green", light: "#14805e", dark: "#58c79a", ansi: 32 },
  { name: "purple", light: "#8250b4", dark: "#c4a1ea", ansi: 35 },
  { name: "cyan", light: "#0e7c94", dark: "#54c3da", ansi: 36 },
  { name: "red", light: "#b8324a", dark: "#f08a9a", ansi: 31 },
  { name: "ochre", light: "#8f6a00", dark: "#d9b44a", ansi: 93 },
  { name: "grey", light: "#5c6670", dark: "#a9b4bf", ansi: 37 },
] as const;

/** The grounds that the colors are seen on, and the colors of what is no curve. */
export const GROUND = {
  light: { page: "#ffffff", panel: "#ffffff", text: "#1c2126", muted: "#5a646e", line: "#d9dee3", grid: "#e9edf0" },
  dark: { page: "#14181c", panel: "#1a1f24", text: "#e4e8ec", muted: "#9aa5b0", line: "#323a42", grid: "#262d34" },
} as const;

/** The place in the palette of the n-th curve. */
export function colorOf(index: number): number {
  return index % PALETTE.length;
}

/** The colors as CSS variables: `--c0` and on, `--page`, `--text`; light, and dark where the reader asks for it. */
export function paletteCss(selector = ":root"): string {
  const variables = (theme: "light" | "dark"): string =>
    [
      ...PALETTE.map((color, i) => `--c${i}:${color[theme]}`),
      ...Object.entries(GROUND[theme]).map(([name, color]) => `--${name}:${color}`),
    ].join(";");
  return `${selector}{color-scheme:light dark;${variables("light")}}
@media (prefers-color-scheme:dark){${selector}{${variables("dark")}}}`;
}
