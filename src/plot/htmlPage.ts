import { escapeMarkup } from "./escapeMarkup.js";
import { paletteCss } from "./palette.js";
import { CHART_CSS } from "./svgChart.js";

/** One page that needs nothing but itself: no fonts, scripts or styles from elsewhere. */
export interface HtmlPage {
  readonly title: string;
  /** Markup of the body. */
  readonly body: string;
  /** Styles beside those of the base and of the charts. */
  readonly css?: string;
  readonly script?: string;
}

const BASE_CSS = `*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1120px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:24px;line-height:1.25;font-weight:650;letter-spacing:-.01em;margin:0}
h2{font-size:17px;font-weight:650;margin:44px 0 14px}
h3{font-size:14px;font-weight:600;margin:0}
a{color:var(--c0)}
.muted{color:var(--muted)}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,460px),1fr));gap:28px 32px}
figure{margin:0;min-width:0;position:relative}
figcaption{display:flex;flex-wrap:wrap;align-items:baseline;gap:2px 14px;margin:0 0 6px;padding-left:52px}
.chart{display:block;width:100%;height:auto;overflow:visible}
.key{display:inline-flex;align-items:center;gap:6px;font-size:12.5px;color:var(--muted);white-space:nowrap}
.key i{width:9px;height:9px;border-radius:50%;flex:none}
.key b{font-weight:500;color:var(--text);font-variant-numeric:tabular-nums}
@media (max-width:560px){main{padding:20px 16px 48px}figcaption{padding-left:0}h2{margin-top:36px}}
@media print{main{max-width:none;padding:0}figure{break-inside:avoid}}`;

/** The page as text. */
export function htmlPage({ title, body, css = "", script = "" }: HtmlPage): string {
  // Nothing may be loaded, not even by a mistake in a name that somebody else chose.
  const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="generator" content="ltrain">
<title>${escapeMarkup(title)}</title>
<style>
${paletteCss()}
${BASE_CSS}
${CHART_CSS}
${css}
</style>
</head>
<body>
${body}
${script === "" ? "" : `<script>\n${script}\n</script>`}
</body>
</html>
`;
}
