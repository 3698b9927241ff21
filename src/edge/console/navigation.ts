import { html, type Html } from '../http/html.js';

type Link = readonly [path: string, name: string];

/** Every page that an operator may want to begin with, by what it is about. */
const GROUPS: readonly (readonly [title: string, links: readonly Link[]])[] = [
  ['Now', [['/console', 'Overview']]],
  ['Credits', [
    ['/console/accounts', 'Accounts'], ['/console/holds', 'Holds'], ['/console/lots', 'Lots'], ['/console/refusals', 'Refusals'],
  ]],
  ['Rules', [
    ['/console/prices', 'Prices'], ['/console/plans', 'Plans'], ['/console/features', 'Features'], ['/console/limits', 'Limits'],
    ['/console/pools', 'Pools'],
  ]],
  ['Access', [['/console/keys', 'API keys'], ['/console/webhooks', 'Webhooks'], ['/console/audit', 'Audit']]],
  ['Work', [
    ['/console/dead-letters', 'Dead letters'], ['/console/queues', 'Queues'], ['/console/runbook', 'Runbook'],
  ]],
];

/** Whether a page is part of what a link leads to. */
const isBelow = (path: string, link: string): boolean =>
  (link === '/console' ? path === link : path === link || path.startsWith(`${link}/`));

export const navigation = (path: string): Html => html`<nav class="side" aria-label="Console">${GROUPS.map(([title, links]) => html`
<p id="nav-${title}">${title}</p><ul aria-labelledby="nav-${title}">${links.map(([link, name]) =>
  html`<li><a href="${link}"${isBelow(path, link) ? html` aria-current="page"` : []}>${name}</a></li>`)}</ul>`)}
</nav>`;
