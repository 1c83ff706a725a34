const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as it stands in HTML, SVG and their attributes: names from files are never markup, and no control characters. */
export function escapeMarkup(text: string): string {
  // eslint-disable-next-line no-control-regex -- XML allows none of these
  const allowed = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, "\ufffd");
  return allowed.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
