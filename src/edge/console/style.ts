/** The only style sheet of the console, inlined in every page, so that it loads nothing. The page policy allows it by its hash. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1b2230; --soft: #596277; --line: #dbe0ea; --paper: #f4f6fa; --card: #ffffff; --link: #1b55c0;
  --bar: #182033; --bar-ink: #f2f5fb;
  --good: #12703f; --good-paper: #e4f5ec; --notice: #85500a; --notice-paper: #fdf1dc; --bad: #b3261e; --bad-paper: #fdeae8;
  --button: #1b55c0; --button-ink: #ffffff; --danger: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e5e9f2; --soft: #a3acc1; --line: #30384a; --paper: #10141c; --card: #181e29;
  --link: #8ab4ff; --bar: #0b0e15; --bar-ink: #e5e9f2;
  --good: #78d8a4; --good-paper: #143325; --notice: #f1bd6f; --notice-paper: #382a12; --bad: #ff9f98; --bad-paper: #401b19;
  --button: #8ab4ff; --button-ink: #10141c; --danger: #ff9f98; } }
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: var(--ink);
  background: var(--paper); }
code, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .9em;
  overflow-wrap: anywhere; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem 1rem; z-index: 2; }
.bar { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: center;
  padding: .6rem 1.25rem; background: var(--bar); color: var(--bar-ink); border-bottom: 1px solid var(--line); }
.bar a { color: var(--bar-ink); text-decoration: none; } .bar nav a { padding: .3rem .1rem; border-bottom: 2px solid transparent; }
.bar nav a:hover, .bar nav a[aria-current] { border-color: currentColor; }
.bar .name { font-weight: 700; letter-spacing: .01em; } .bar nav { display: flex; gap: 1rem; }
.bar form { display: flex; gap: .4rem; margin: 0; } .bar .find { flex: 1 1 16rem; max-width: 30rem; }
.bar input { flex: 1; min-width: 0; background: #ffffff; color: #1b2230; border-color: #7b869f; padding: .35rem .6rem; }
.bar button { background: transparent; color: var(--bar-ink); border: 1px solid #7b869f; padding: .35rem .7rem; font-weight: 500; }
.bar .who { margin-left: auto; display: flex; gap: .7rem; align-items: center; font-size: .875rem; }
.glance { display: flex; flex-wrap: wrap; gap: .4rem; padding: .55rem 1.25rem; margin: 0; list-style: none;
  border-bottom: 1px solid var(--line); background: var(--card); font-size: .85rem; }
.badge { display: inline-block; border-radius: 99rem; padding: .1rem .6rem; font-size: .8125rem; font-weight: 600; white-space: nowrap;
  border: 1px solid var(--line); color: var(--soft); }
.good { color: var(--good); background: var(--good-paper); border-color: transparent; }
.notice { color: var(--notice); background: var(--notice-paper); border-color: transparent; }
.bad { color: var(--bad); background: var(--bad-paper); border-color: transparent; }
main { max-width: 84rem; margin: 0 auto; padding: 1.25rem 1.25rem 5rem; }
.narrow { max-width: 34rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .25rem 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
.lead, .note { color: var(--soft); margin: 0 0 1rem; } .note { font-size: .875rem; margin: .4rem 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(11.5rem, 1fr)); gap: .8rem; margin: 1rem 0; }
.card { background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--line); border-radius: 8px;
  padding: .75rem .95rem; }
.card.good { background: var(--card); color: var(--ink); border-left-color: var(--good); }
.card.notice { color: var(--ink); background: var(--card); border-left-color: var(--notice); }
.card.bad { color: var(--ink); background: var(--bad-paper); border-left-color: var(--bad); }
.card h2, .card h3 { margin: 0; font-size: .8125rem; font-weight: 600; color: var(--soft); }
.card .value { font-size: 1.35rem; font-weight: 650; line-height: 1.3; margin: .1rem 0 0; font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere; } .card .value.word { font-size: 1.05rem; }
.card p:last-child { margin: .1rem 0 0; font-size: .8125rem; color: var(--soft); }
.panel { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .25rem 1rem; margin: .6rem 0;
  max-width: 48rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: .8rem; align-items: start; }
.half { max-width: 40rem; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
caption { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
th, td { text-align: left; vertical-align: top; padding: .45rem .8rem; border-bottom: 1px solid var(--line); font-weight: 400; }
tbody tr:last-child > * { border-bottom: 0; } tbody tr:hover { background: color-mix(in srgb, var(--link) 6%, transparent); }
thead th { color: var(--soft); font-size: .78rem; font-weight: 600; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } .text { min-width: 11rem; }
tbody th, .mono { min-width: 5.5rem; } .text { overflow-wrap: anywhere; } time, time + small { white-space: nowrap; }
a.mono { display: inline-block; }
dl { display: grid; grid-template-columns: minmax(8rem, 13rem) minmax(0, 1fr); gap: .1rem 1rem; margin: .6rem 0; font-size: .9375rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
dt, dd { padding: .25rem 0; }
.banner { border-radius: 8px; padding: .7rem 1rem; margin: .8rem 0; border: 1px solid transparent; } .banner p { margin: .1rem 0; }
.actions { display: flex; flex-wrap: wrap; gap: .5rem; margin: .9rem 0; padding: 0; list-style: none; }
button, .button { display: inline-block; font: inherit; font-weight: 600; cursor: pointer; border-radius: 6px;
  border: 1px solid transparent; padding: .45rem .9rem; text-decoration: none; background: var(--button); color: var(--button-ink); }
.button.quiet, button.quiet { background: var(--card); color: var(--link); border-color: var(--line); }
.button.danger { background: var(--card); color: var(--danger); border-color: currentColor; }
button.danger { background: var(--danger); color: var(--card); }
button:hover, .button:hover { filter: brightness(.94); }
label { display: block; font-weight: 600; margin: .9rem 0 .25rem; }
.hint { color: var(--soft); font-weight: 400; font-size: .875rem; display: block; }
input, textarea { font: inherit; width: 100%; color: inherit; background: var(--paper); border: 1px solid var(--soft);
  border-radius: 6px; padding: .45rem .65rem; }
textarea { min-height: 5rem; resize: vertical; }
form .actions { margin-top: 1.2rem; }
.inline { display: flex; flex-wrap: wrap; gap: .5rem; align-items: end; } .inline label { margin: 0; } .inline input { width: auto; }
.life { list-style: none; margin: .6rem 0; padding: 0; border-left: 3px solid var(--line); }
.life li { position: relative; padding: .1rem 0 1rem 1.25rem; }
.life li::before { content: ""; position: absolute; left: -.5rem; top: .45rem; width: .8rem; height: .8rem; border-radius: 50%;
  background: var(--soft); border: 2px solid var(--paper); }
.life strong { margin-right: .5rem; } .life p { margin: .1rem 0; }
.life .will::before { background: var(--paper); border-color: var(--soft); }
footer { color: var(--soft); font-size: .8125rem; margin-top: 3rem; }
@media (max-width: 40rem) { main { padding: 1rem .8rem 4rem; } .bar { padding: .6rem .8rem; position: static; }
  .glance { padding: .5rem .8rem; } .bar .find { order: 3; flex-basis: 100%; } dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dt { padding-bottom: 0; font-size: .8125rem; } dd { padding-top: 0; } .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  th, td { padding: .4rem .55rem; }
  .wide, .wide tbody, .wide tr, .wide tbody th, .wide td { display: block; } .wide thead, .wide td:empty { display: none; }
  .wide tr { padding: .45rem .7rem; border-bottom: 1px solid var(--line); } .wide tbody tr:last-child { border-bottom: 0; }
  .wide tbody th, .wide td { padding: .08rem 0; border: 0; text-align: left; min-width: 0; } .wide tbody th { font-weight: 600; }
  .wide td::before { content: attr(data-head) ": "; color: var(--soft); } }
@media print { .bar, .actions { display: none; } }
`;
