/** How a report looks, beside what pages and charts have in common. */
export const REPORT_CSS = `header{margin-bottom:28px}
.eyebrow{margin:0 0 6px;font-size:13px;color:var(--muted)}
.headline{display:flex;flex-wrap:wrap;align-items:center;gap:6px 14px}
.headline+.muted{margin:8px 0 0;font-size:14px;overflow-wrap:anywhere}
.state{display:inline-flex;align-items:center;gap:7px;font-size:13px;font-weight:550;border:1px solid var(--line);border-radius:99px;padding:2px 11px 2px 9px}
.state::before{content:"";width:8px;height:8px;border-radius:50%;background:var(--dot)}
.done{--dot:var(--c2)}.running{--dot:var(--c0)}.interrupted{--dot:var(--c6)}.failed{--dot:var(--c5)}.unknown{--dot:var(--muted)}
.reason{margin:14px 0 0;padding:9px 14px;border-left:3px solid var(--c5);background:var(--grid);font-size:14px;overflow-wrap:anywhere}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(132px,1fr));gap:1px;background:var(--line);border:1px solid var(--line);border-radius:10px;overflow:hidden;margin:0}
.facts div{background:var(--panel);padding:13px 16px}
.facts dt{font-size:12px;color:var(--muted);margin:0 0 2px}
.facts dd{margin:0;font-size:19px;font-weight:600;letter-spacing:-.01em;font-variant-numeric:tabular-nums;white-space:nowrap}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:500;color:var(--muted);font-size:12px;padding:0 18px 7px 0;white-space:nowrap;border-bottom:1px solid var(--line)}
td{padding:7px 18px 7px 0;border-bottom:1px solid var(--grid);vertical-align:middle;white-space:nowrap}
th:last-child,td:last-child{padding-right:0}
.n{text-align:right}
td.wide{white-space:normal;overflow-wrap:anywhere;min-width:120px}
tr.total td{border-bottom:0;font-weight:600}
code,pre{font:12.5px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
pre{margin:0;padding:16px 18px;background:var(--panel);border:1px solid var(--line);border-radius:10px;overflow-x:auto}
.dot{display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:8px}
details{margin-top:14px}summary{cursor:pointer;font-weight:600;font-size:15px;padding:6px 0}
details>section>h2:first-child{margin-top:14px}
.weights{display:grid;grid-template-columns:repeat(auto-fill,minmax(210px,1fr));gap:22px 26px}
.weights figure{border-bottom:1px solid var(--grid);padding-bottom:10px}
.weights figcaption{display:flex;flex-direction:column;gap:0;padding:0;margin-bottom:8px;font-size:13px}
.weights figcaption b{font-weight:550;overflow-wrap:anywhere}
.weights figcaption span{font-size:12px;color:var(--muted)}
.weights svg{display:block;width:100%;height:56px}
.weights .bars{fill:var(--c0);opacity:.82}.weights .zero{stroke:var(--muted);stroke-width:1;stroke-dasharray:2 3;vector-effect:non-scaling-stroke}
.ends{display:flex;justify-content:space-between;font-size:11.5px;color:var(--muted);margin-top:4px;font-variant-numeric:tabular-nums}
.note{font-size:13px;color:var(--muted);margin:12px 0 0}.note.lead{margin:-8px 0 18px}
@media (max-width:560px){.facts{grid-template-columns:repeat(2,1fr)}.weights{grid-template-columns:repeat(auto-fill,minmax(140px,1fr));gap:18px}}`;
