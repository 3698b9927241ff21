/** What is in the pages: badges, cards, tables, charts, lists. */
export const PART_STYLE = `
.glance { display: flex; flex-wrap: wrap; gap: .35rem; padding: 0; margin: 0 0 .9rem; list-style: none; }
.badge { display: inline-block; border-radius: 99rem; padding: .06rem .55rem; font-size: .78rem; font-weight: 600; white-space: nowrap;
  border: 1px solid var(--line); color: var(--soft); background: var(--card); }
.badge.good, .banner.good { color: var(--good); background: var(--good-paper); border-color: transparent; }
.badge.notice, .banner.notice { color: var(--notice); background: var(--notice-paper); border-color: transparent; }
.badge.bad, .banner.bad { color: var(--bad); background: var(--bad-paper); border-color: transparent; }
.badge.bad a, .banner a { color: inherit; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr)); gap: .6rem; margin: .9rem 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .65rem .9rem;
  box-shadow: inset 3px 0 0 var(--line); }
.card.good { box-shadow: inset 3px 0 0 var(--good); } .card.notice { box-shadow: inset 3px 0 0 var(--notice); }
.card.bad { background: var(--bad-paper); box-shadow: inset 3px 0 0 var(--bad); }
.card h2, .card h3, .chart h3 { margin: 0; font-size: .8125rem; font-weight: 600; color: var(--soft); }
.card .value, .chart .value { font-size: 1.2rem; font-weight: 650; line-height: 1.3; margin: .1rem 0 0; font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere; }
.card p:last-child, .chart figcaption p:last-child { margin: .1rem 0 0; font-size: .8125rem; color: var(--soft); }
.card.bad h2, .card.bad p:last-child { color: var(--ink); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(14rem, 100%), 1fr)); gap: .6rem; margin: .9rem 0; }
.chart { display: flex; flex-direction: column; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; padding: .65rem .9rem .5rem;
  margin: 0;
  min-width: 0; }
.chart.bad { background: var(--bad-paper); } .charts.one { grid-template-columns: minmax(0, 1fr); }
.plot { position: relative; margin-top: auto; padding-top: 1.3rem; }
.plot svg { display: block; width: 100%; height: 6.5rem; overflow: visible; }
.plot .top { position: absolute; right: 0; top: .15rem; font-size: .75rem; color: var(--soft); font-variant-numeric: tabular-nums; }
.axis { display: flex; justify-content: space-between; margin: .2rem 0 0; font-size: .75rem; color: var(--soft);
  font-variant-numeric: tabular-nums; }
.grid { stroke: var(--line); stroke-width: 1; fill: none; vector-effect: non-scaling-stroke; }
.line { stroke: var(--c0); stroke-width: 2; fill: none; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.area { fill: var(--c0); opacity: .13; } .chart.bad .line { stroke: var(--bad); } .chart.bad .area { fill: var(--bad); }
.c0 { fill: var(--c0); } .c1 { fill: var(--c1); } .c2 { fill: var(--c2); } .c3 { fill: var(--c3); } .c4 { fill: var(--c4); }
  .c5 { fill: var(--c5); }
.legend { display: flex; flex-wrap: wrap; gap: .15rem 1rem; list-style: none; margin: .5rem 0 .2rem; padding: 0; font-size: .8125rem;
  font-variant-numeric: tabular-nums; } .legend .key { width: .65rem; height: .65rem; margin-right: .4rem; }
.panel { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .25rem 1rem; margin: .6rem 0;
  max-width: 52rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: .8rem; align-items: start; }
.half { max-width: 40rem; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: .84rem; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
th, td { padding: .42rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
tbody tr:last-child > * { border-bottom: 0; } tbody th { font-weight: 500; } tbody tr:hover { background: var(--paper); }
thead th { color: var(--soft); font-size: .78rem; font-weight: 600; vertical-align: bottom; }
thead a { color: inherit; text-decoration: none; } thead a:hover { text-decoration: underline; }
th[aria-sort=ascending] a::after { content: " ↑"; } th[aria-sort=descending] a::after { content: " ↓"; }
th[aria-sort=ascending], th[aria-sort=descending] { color: var(--ink); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } .text:not(:empty) { min-width: 8.5rem; }
td .mono { min-width: 5.5rem; } th .mono { min-width: 7rem; } td code { display: inline-block; min-width: 9rem; }
  .text { overflow-wrap: anywhere; }
  time, time + small { white-space: nowrap; } td small, th small { display: block; color: var(--soft); font-weight: 400; }
  th .name { min-width: 10rem; }
time { font-variant-numeric: tabular-nums; } time .local, time + small { color: var(--soft); }
  td time .local, th time .local { display: block; }
a.mono, span.mono { display: inline-block; } tr a.act { margin-right: .6rem; }
dl { display: grid; grid-template-columns: minmax(8rem, 13rem) minmax(0, 1fr); gap: .1rem 1rem; margin: .6rem 0; font-size: .9375rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; } dt, dd { padding: .25rem 0; }
.banner { border-radius: 8px; padding: .6rem .95rem; margin: .8rem 0; border: 1px solid transparent; } .banner p { margin: .1rem 0; }
.actions { display: flex; flex-wrap: wrap; gap: .5rem; margin: .9rem 0; padding: 0; list-style: none; }
.inline { display: flex; flex-wrap: wrap; gap: .5rem; align-items: end; margin-bottom: .8rem; } .inline label { margin: 0; }
.inline input { width: auto; max-width: 100%; }
.filters { display: flex; flex-wrap: wrap; gap: .6rem .8rem; align-items: end; margin: .9rem 0; }
.filters > div { flex: 0 1 12.3rem; min-width: 9rem; } .filters .go { flex: 0 0 auto; min-width: 0; }
.filters label { margin: 0 0 .2rem; font-size: .8125rem; } .filters input, .filters select { height: 2.35rem; }
.head + div .cards { margin-top: 0; }
.pages { display: flex; gap: .5rem; margin: .8rem 0; }
.empty { background: var(--card); border: 1px dashed var(--edge); border-radius: 8px; padding: 1.5rem; text-align: center; }
.empty h2 { margin: 0 0 .3rem; } .empty p { margin: 0 auto; max-width: 40rem; color: var(--soft); }
.life { list-style: none; margin: .6rem 0; padding: 0; border-left: 3px solid var(--line); }
.life li { position: relative; padding: .1rem 0 1rem 1.25rem; }
.life li::before { content: ""; position: absolute; left: -.5rem; top: .45rem; width: .8rem; height: .8rem; border-radius: 50%;
  background: var(--soft); border: 2px solid var(--paper); }
.life strong { margin-right: .5rem; } .life p { margin: .1rem 0; }
.life .will::before { background: var(--paper); border-color: var(--soft); }
.book { max-width: 52rem; } .book h2 { border-top: 1px solid var(--line); padding-top: 1rem; }
  .book :target { background: var(--accent-paper); }
@media (max-width: 40rem) { dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dt { padding-bottom: 0; font-size: .8125rem; } dd { padding-top: 0; } .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .filters > div { flex: 1 1 100%; } th, td { padding: .4rem .55rem; }
  .wide, .wide tbody, .wide tr, .wide tbody th, .wide td { display: block; } .wide thead, .wide td:empty { display: none; }
  .wide tr { padding: .45rem .7rem; border-bottom: 1px solid var(--line); } .wide tbody tr:last-child { border-bottom: 0; }
  .wide tbody th, .wide td { padding: .08rem 0; border: 0; text-align: left; min-width: 0; } .wide tbody th { font-weight: 600; }
  .wide td::before { content: attr(data-head) ": "; color: var(--soft); } .wide td time .local { display: inline; } }
`;
