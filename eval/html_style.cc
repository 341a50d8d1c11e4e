#include "eval/html_style.h"

namespace retort {

namespace {

constexpr std::string_view kStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #fbfbfa; --panel: #ffffff; --ink: #1b1d21; --muted: #656b75; --line: #e2e4e8;
  --student: #0a6cce; --search: #d06a00; --control: #7b818c;
  --good: #157a4a; --bad: #b8352a; --idle: #7b818c;
  --good-bg: #e4f4eb; --bad-bg: #fbe9e7; --idle-bg: #eeeff1;
  --s0: #0a6cce; --s1: #d06a00; --s2: #157a4a; --s3: #a4399a; --s4: #b8352a; --s5: #00808a;
  --s6: #7a6a00; --s7: #5d5fc4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #16181c; --panel: #1d2025; --ink: #e7e9ec; --muted: #9aa1ac; --line: #32363d;
    --student: #5aa9f5; --search: #f0a04b; --control: #8f96a2;
    --good: #5fcb93; --bad: #f08a7e; --idle: #9aa1ac;
    --good-bg: #173527; --bad-bg: #40211e; --idle-bg: #2a2d33;
    --s0: #5aa9f5; --s1: #f0a04b; --s2: #5fcb93; --s3: #d98bd1; --s4: #f08a7e; --s5: #4cc4cd;
    --s6: #cdb94a; --s7: #a3a5f0;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 36px 24px 72px; }
header p.experiment { margin: 0 0 6px; color: var(--muted); }
h1 { font-size: 18.5px; line-height: 1.5; font-weight: 550; margin: 0; text-wrap: pretty; }
p.verdict { font-size: 15.5px; margin: 10px 0 0; text-wrap: pretty; }
h2 { font-size: 17px; margin: 44px 0 10px; }
h3 { font-size: 15px; margin: 22px 0 6px; }
p.note, figcaption, ul.notes { color: var(--muted); font-size: 13.5px; }
ul.notes { padding-left: 18px; margin: 6px 0; }
.panel, figure { background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  padding: 14px 16px; margin: 12px 0; }
figure svg { display: block; width: 100%; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;
  font-size: 12.8px; }
th { text-align: right; font-weight: 600; color: var(--muted); border-bottom: 1px solid var(--line); }
td { text-align: right; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
th, td { padding: 5px 6px; white-space: nowrap; }
th { white-space: normal; vertical-align: bottom; line-height: 1.25; }
th.words, td.words { text-align: left; }
td.words { white-space: normal; min-width: 6.5em; }
td.wrap { white-space: normal; text-align: left; min-width: 26em; }
.chip { display: inline-block; border-radius: 999px; padding: 0 9px; font-size: 12.5px;
  font-weight: 600; background: var(--idle-bg); color: var(--idle); white-space: nowrap; }
.chip.good { background: var(--good-bg); color: var(--good); }
.chip.bad { background: var(--bad-bg); color: var(--bad); }
code, pre, .mono { font-family: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas,
  "DejaVu Sans Mono", monospace; font-size: 12.5px; }
pre { overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; margin: 8px 0; }
td.mono { white-space: pre-wrap; text-align: left; }
details > summary { cursor: pointer; }
details details { margin-left: 20px; border-left: 1px solid var(--line); padding-left: 10px; }
.leaf { margin-left: 30px; border-left: 1px solid var(--line); padding: 1px 0 1px 10px; }
.count { color: var(--muted); font-size: 13px; margin-left: 8px; }
.bar-track { background: var(--idle-bg); border-radius: 3px; height: 14px; min-width: 180px; }
.bar-fill { background: var(--student); border-radius: 3px; height: 14px; }
.bar-fill.gold { background: var(--search); }
svg text { font-family: inherit; font-size: 12px; fill: var(--ink); }
svg .tick, svg .axis { fill: var(--muted); font-size: 11.5px; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .leader { stroke: var(--muted); stroke-width: 0.7; opacity: 0.6; }
svg .kind-student { stroke: var(--student); fill: var(--student); }
svg .kind-search { stroke: var(--search); fill: var(--search); }
svg .kind-control { stroke: var(--control); fill: var(--control); }
svg .error { stroke-width: 1.6; }
svg .dot { stroke: var(--panel); stroke-width: 1.2; }
svg .hollow { fill: var(--panel); stroke-width: 1.4; }
svg .curve { fill: none; stroke-width: 1.2; stroke-dasharray: 3 3; }
svg .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
svg .bar { stroke: none; opacity: 0.75; }
svg .mark { stroke: var(--ink); stroke-width: 1.6; }
svg .mark.thin { stroke-width: 1; }
svg .series-0 { stroke: var(--s0); } svg .series-0.dot, svg text.series-0 { fill: var(--s0); }
svg .series-1 { stroke: var(--s1); } svg .series-1.dot, svg text.series-1 { fill: var(--s1); }
svg .series-2 { stroke: var(--s2); } svg .series-2.dot, svg text.series-2 { fill: var(--s2); }
svg .series-3 { stroke: var(--s3); } svg .series-3.dot, svg text.series-3 { fill: var(--s3); }
svg .series-4 { stroke: var(--s4); } svg .series-4.dot, svg text.series-4 { fill: var(--s4); }
svg .series-5 { stroke: var(--s5); } svg .series-5.dot, svg text.series-5 { fill: var(--s5); }
svg .series-6 { stroke: var(--s6); } svg .series-6.dot, svg text.series-6 { fill: var(--s6); }
svg .series-7 { stroke: var(--s7); } svg .series-7.dot, svg text.series-7 { fill: var(--s7); }
svg .dot { stroke: var(--panel); }
svg text { stroke: none !important; }
@media print {
  :root { --page: #fff; --panel: #fff; --ink: #000; --muted: #444; --line: #ccc;
    --student: #0a6cce; --search: #d06a00; --control: #7b818c;
    --good: #157a4a; --bad: #b8352a; --idle: #555;
    --good-bg: #fff; --bad-bg: #fff; --idle-bg: #eee;
    --s0: #0a6cce; --s1: #d06a00; --s2: #157a4a; --s3: #a4399a; --s4: #b8352a; --s5: #00808a;
    --s6: #7a6a00; --s7: #5d5fc4; }
  body { font-size: 10.5pt; } main { max-width: none; padding: 0; }
  .panel, figure, tr { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .scroll { overflow: visible; } table { font-size: 7.5pt; } th, td { padding: 2px 4px; }
  td.wrap { min-width: 0; }
}
)css";

}  // namespace

std::string_view HtmlStyle() { return kStyle; }

}  // namespace retort
