/** The page's only style sheet, in the page itself: it works without a network, and its hash is all that may style it. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1d2330; --soft: #59627a; --line: #d9deea; --paper: #ffffff; --panel: #f5f7fb; --link: #1b55c0;
  --get: #1c5fc4; --post: #137a45; --put: #96560a; --patch: #7d4296; --delete: #b3261e; --badge: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8f1; --soft: #a2abc0; --line: #333b4d; --paper: #12161f; --panel: #1a202c;
  --link: #8ab4ff;
  --get: #8ab4ff; --post: #76d6a0; --put: #f0b866; --patch: #d6a5ee; --delete: #ff9d96; --badge: #12161f; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 4rem; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: var(--ink);
  background: var(--paper); }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .875em; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--paper); padding: .5rem 1rem; z-index: 1; }
.page { display: grid; grid-template-columns: 18rem minmax(0, 1fr); max-width: 84rem; margin: 0 auto; }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto; padding: 2rem 1rem 2rem 1.5rem;
  border-right: 1px solid var(--line); font-size: .875rem; }
nav ul { list-style: none; margin: 0 0 1.25rem; padding: 0; }
nav li { margin: .15rem 0; }
nav li a { display: grid; grid-template-columns: 3.2rem minmax(0, 1fr); align-items: start; padding: .2rem .4rem; border-radius: 4px;
  color: var(--ink); text-decoration: none; overflow-wrap: anywhere; }
nav li a:hover { background: var(--panel); }
nav h2 { font-size: .85rem; margin: 1rem 0 .5rem .4rem; }
nav h3 { font-size: .75rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft); margin: 0 0 .25rem .4rem; }
main { padding: 2rem 2.5rem 6rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; }
.lead { color: var(--soft); margin: .25rem 0 1.5rem; }
main h2 { font-size: 1.35rem; margin: 3rem 0 0; }
main h2 + p { color: var(--soft); margin: .25rem 0 1rem; }
h3 { font-size: .95rem; margin: 1.5rem 0 .5rem; }
.intro p { max-width: 46rem; }
.route, .reply { border: 1px solid var(--line); border-radius: 8px; margin: .6rem 0; background: var(--paper); }
.route > summary { display: grid; grid-template-columns: 4.6rem minmax(0, 1fr) auto auto; gap: .1rem .8rem; align-items: center;
  padding: .7rem 1rem; cursor: pointer; list-style: none; border-radius: 8px; }
.route > summary::-webkit-details-marker { display: none; }
.route > summary:hover { background: var(--panel); }
.route[open] > summary { border-bottom: 1px solid var(--line); border-radius: 8px 8px 0 0; background: var(--panel); }
.route > summary .path { font-size: .95rem; font-weight: 600; overflow-wrap: anywhere; }
.route > summary .says { grid-column: 2 / -1; color: var(--soft); font-size: .9rem; }
.inside { padding: .25rem 1.25rem 1.25rem; }
.reply > summary { padding: .45rem .9rem; cursor: pointer; overflow-wrap: anywhere; }
.reply > div { padding: 0 .9rem .75rem; }
.method, .gate, .status { display: inline-block; border-radius: 5px; font-size: .75rem; font-weight: 700; text-align: center;
  padding: .15rem .5rem; }
.method { color: var(--badge); letter-spacing: .03em; }
nav .method { font-size: .6rem; padding: 0; overflow-wrap: normal; margin: .28rem .3rem 0 0; } nav li a strong { grid-column: 1 / -1; }
.get { background: var(--get); } .post { background: var(--post); } .put { background: var(--put); }
.patch { background: var(--patch); } .delete { background: var(--delete); }
.gate { border: 1px solid var(--line); color: var(--soft); font-weight: 600; background: var(--paper); }
.gate.roles { border-color: var(--delete); color: var(--delete); }
.status { background: var(--panel); border: 1px solid var(--line); margin-right: .5rem; }
.good { border-color: var(--post); color: var(--post); } .bad { border-color: var(--delete); color: var(--delete); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); font-weight: 400;
  overflow-wrap: anywhere; }
td { min-width: 6rem; } thead th { width: 30%; } thead th:nth-child(2) { width: 22%; } thead th:last-child { width: auto; }
thead th { color: var(--soft); font-size: .8rem; white-space: nowrap; }
.optional { color: var(--soft); font-size: .75rem; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem; overflow-x: auto; margin: .5rem 0; }
footer { color: var(--soft); font-size: .875rem; margin-top: 4rem; }
@media (max-width: 60rem) { .page { grid-template-columns: minmax(0, 1fr); }
  nav { position: static; max-height: 15rem; border-right: 0; border-bottom: 1px solid var(--line); }
  main { padding: 1.5rem 1rem 4rem; } .route > summary { grid-template-columns: 4.6rem minmax(0, 1fr); }
  .route > summary .gate { grid-column: 2; justify-self: start; } .route > summary .says { grid-column: 2; } }
@media print { nav { display: none; } .page { display: block; } }
`;
