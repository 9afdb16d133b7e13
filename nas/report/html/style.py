"""The page's style: one narrow column that fits a phone and a printed sheet, light or dark as the reader has it."""

CSS = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5d6570; --line: #d8dce1; --page: #fff; --mark: #fbe8c8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #9aa3ad; --line: #3a4149; --page: #15181c; --mark: #54411a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem 1rem 3rem; max-width: 47rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0.5rem 0; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 0.3rem; }
p { margin: 0.4rem 0; }
.soft, figcaption { color: var(--soft); font-size: 0.9rem; }
.warn { border-left: 3px solid #d55e00; padding-left: 0.7rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.82rem; margin: 0.6rem 0; font-variant-numeric: tabular-nums;
  overflow-wrap: normal; }
th, td { padding: 0.18rem 0.4rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { font-weight: 600; white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tr.shipped td { font-weight: 600; }
#network { font-size: 0.69rem; }
#network th, #network td { padding: 0.1rem 0.22rem; text-align: center; }
#network thead tr:first-child th { border-bottom: 0; font-size: 0.8rem; }
#network .name { color: var(--soft); text-align: left; }
#network .other { border-left: 6px solid var(--page); }
td.differs { background: var(--mark); }
figure { margin: 0.4rem 0; }
.plotly-graph-div text { fill: var(--ink) !important; }
.plotly-graph-div .hoverlayer text { fill: #fff !important; }
.plotly-graph-div .heatmaplayer text { fill: revert-layer !important; }
.plotly-graph-div .gridlayer path { stroke: var(--line) !important; }
@media print {
  :root { --ink: #000; --soft: #444; --line: #ccc; --page: #fff; --mark: #fbe8c8; color-scheme: light; }
  body { max-width: none; width: 46rem; padding: 0; font-size: 14px; print-color-adjust: exact; }
  section { break-inside: avoid-page; }
  .scroll { overflow: visible; }
}
"""
