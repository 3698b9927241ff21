import { PART_STYLE } from './part-style.js';

/** Colours, type and the frame of a page. */
const FRAME_STYLE = `
:root { color-scheme: light dark; --ink: #1a1f36; --soft: #565f78; --line: #dfe4ec; --paper: #f6f8fa; --card: #ffffff; --accent: #4f46e5;
  --accent-paper: #eeedfd; --bar: #ffffff; --field: #ffffff; --edge: #7d879c;
  --good: #0b6b3a; --good-paper: #e1f5e9; --notice: #82480a; --notice-paper: #fdf0d9; --bad: #b0123b; --bad-paper: #fdeaee;
  --button-ink: #ffffff; --c0: #4f46e5; --c1: #0d8f87; --c2: #c2570c; --c3: #a21caf; --c4: #3d7a1f; --c5: #7d879c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9f2; --soft: #a4adc2; --line: #2b3242; --paper: #0f1219; --card: #171b25;
  --accent: #a8b1ff; --accent-paper: #23264a; --bar: #141821; --field: #10141c; --edge: #76819a;
  --good: #6fdca0; --good-paper: #11301f; --notice: #f2c076; --notice-paper: #362a12; --bad: #ff9db0; --bad-paper: #421a25;
  --button-ink: #10141c; --c0: #8f99ff; --c1: #38c7bd; --c2: #fb9a5b; --c3: #e58af0; --c4: #8fd06a; --c5: #8a94aa; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 4rem; }
body { margin: 0; font: .9375rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: var(--ink);
  background: var(--paper); display: grid; grid-template-columns: 12.5rem minmax(0, 1fr); grid-template-rows: auto 1fr; min-height: 100vh; }
body.alone { display: block; }
code, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .9em;
  overflow-wrap: anywhere; }
a { color: var(--accent); text-underline-offset: .15em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem 1rem; z-index: 3; }
.bar { grid-column: 1 / -1; position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: center;
  padding: .55rem 1.25rem; background: var(--bar); border-bottom: 1px solid var(--line); }
.bar a { color: var(--ink); text-decoration: none; } .bar .name { font-weight: 700; letter-spacing: -.01em; width: 10.5rem; }
.bar form { display: flex; gap: .4rem; margin: 0; } .bar .find { flex: 1 1 16rem; max-width: 34rem; }
.bar input { flex: 1; min-width: 0; padding: .35rem .65rem; }
.bar button { background: transparent; color: var(--ink); border-color: var(--line); padding: .3rem .7rem; font-weight: 500; }
.bar .who { margin-left: auto; display: flex; gap: .7rem; align-items: center; font-size: .875rem; }
.bar .who small { color: var(--soft); margin-left: .3rem; }
.side { padding: .6rem .75rem 2rem; border-right: 1px solid var(--line); background: var(--bar); }
.side p { margin: .85rem 0 .15rem; padding: 0 .6rem; font-size: .75rem; font-weight: 600; color: var(--soft); }
.side ul { margin: 0; padding: 0; list-style: none; }
.side a { display: block; padding: .26rem .6rem; border-radius: 6px; color: var(--ink); text-decoration: none; font-size: .875rem; }
.side a:hover { background: var(--paper); }
.side a[aria-current] { background: var(--accent-paper); color: var(--accent); font-weight: 600; }
main { min-width: 0; max-width: 88rem; width: 100%; padding: 1rem 1.5rem 5rem; } .alone main { margin: 0 auto; }
.narrow { max-width: 36rem; }
h1 { font-size: 1.45rem; line-height: 1.25; letter-spacing: -.01em; margin: .25rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 1.75rem 0 .6rem; }
.lead, .note { color: var(--soft); margin: 0 0 .9rem; max-width: 60rem; } .note { font-size: .875rem; margin: .4rem 0; }
.head > div { flex: 1 1 20rem; } .head > .button { margin-bottom: .9rem; }
.head { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: flex-start; justify-content: space-between; }
.stale { background: var(--notice-paper); color: var(--notice); padding: .4rem .8rem; border-radius: 6px; margin: .5rem 0; }
button, .button { display: inline-block; font: inherit; font-size: .875rem; font-weight: 600; cursor: pointer; border-radius: 6px;
  border: 1px solid transparent; padding: .38rem .85rem; text-decoration: none; background: var(--accent); color: var(--button-ink); }
.button.quiet, button.quiet { background: var(--card); color: var(--ink); border-color: var(--line); }
.button.danger { background: var(--card); color: var(--bad); border-color: currentColor; }
button.danger { background: var(--bad); color: var(--card); }
button:hover, .button:hover { filter: brightness(.95); }
label { display: block; font-weight: 600; margin: .9rem 0 .25rem; }
.hint { color: var(--soft); font-weight: 400; font-size: .8125rem; }
.narrow .hint { display: block; }
input, textarea, select { font: inherit; width: 100%; color: inherit; background: var(--field); border: 1px solid var(--edge);
  border-radius: 6px; padding: .38rem .6rem; }
textarea { min-height: 5rem; resize: vertical; }
form .actions { margin-top: 1.2rem; }
@media (max-width: 56rem) { body { display: block; } main { padding: .9rem .9rem 4rem; } .bar { position: static; padding: .6rem .9rem; }
  .bar .name { width: auto; } .bar .find { order: 3; flex-basis: 100%; }
  .side { display: flex; gap: .15rem; overflow-x: auto; padding: .4rem .6rem; border-right: 0; border-bottom: 1px solid var(--line); }
  .side p { display: none; } .side ul { display: flex; gap: .15rem; } .side a { white-space: nowrap; } }
@media print { .bar, .side, .actions, .filters, .pages { display: none; } body { display: block; } }
`;

/** The only style sheet of the console, inlined in every page, so that it loads nothing. The page policy allows it by its hash. */
export const STYLE = FRAME_STYLE + PART_STYLE;
