import Type from 'typebox';
import type { ImportItem, ImportPlan, PriceChange } from '../../credits/prices/plan-import.js';
import { GatewayError } from '../../kit/errors.js';
import { IMPORT_FORM_BYTES_MAX } from '../../kit/limits.js';
import { allow } from '../auth/allow.js';
import { html, type Html } from '../http/html.js';
import type { AddRoute } from '../http/routes.js';
import { bodyOf } from '../http/schema.js';
import { PageReply } from './login.routes.js';
import { glanceOf } from './overview-page.js';
import type { Overview } from './overview.js';
import { sendPage } from './page.js';
import { badge, banner, card, count, table, type Level } from './parts.js';

export type ImportDesk = {
  /** What a price map would do to a book. Throws GatewayError invalid_request, or an Error for text that is no price map. */
  readonly plan: (map: string, book: string) => ImportPlan;
  readonly books: readonly string[];
};

const PATH = '/console/prices/import';
const importForm = bodyOf(Type.Object({ map: Type.String(), book: Type.String() }), 'The form cannot be read');
const SHOWN_MAX = 200;

/** Shows what an import of prices would change. It writes nothing: `credit-gateway prices import` does. */
export function importPreview(
  add: AddRoute, { desk, overview }: { readonly desk: ImportDesk; readonly overview: () => Promise<Overview> },
): void {
  add('GET', PATH, allow('admin', 'supervisor'), {
    summary: 'Preview an import of prices: the form', replies: { 200: PageReply },
  }, async (ctx, { principal }) => {
    sendPage(ctx, { title: 'Import', viewer: principal, glance: glanceOf(await overview()), body: formOf(desk, { map: '', book: '' }) });
  });

  add('POST', PATH, allow('admin', 'supervisor'), {
    summary: 'Preview an import of prices', body: importForm, bodyBytesMax: IMPORT_FORM_BYTES_MAX, replies: { 200: PageReply },
  }, async (ctx, { principal, body }) => {
    const planned = attempt(() => desk.plan(body.map, desk.books.includes(body.book) ? body.book : desk.books[0] ?? ''));
    const glance = glanceOf(await overview());
    const shown = 'problem' in planned ? banner('bad', planned.problem) : planOf(planned);
    sendPage(ctx, {
      title: 'Import', viewer: principal, glance, status: 'problem' in planned ? 400 : 200, body: html`${formOf(desk, body)}${shown}`,
    });
  });
}

/** What is wrong with the text is shown above it: SyntaxError and Error come from reading it. */
function attempt(plan: () => ImportPlan): ImportPlan | { readonly problem: string } {
  try {
    return plan();
  } catch (error) {
    if (error instanceof GatewayError) return { problem: error.message };
    if (error instanceof Error) return { problem: `This is no price map: ${error.message}` };
    throw error;
  }
}

const formOf = ({ books }: ImportDesk, { map, book }: { readonly map: string; readonly book: string }): Html => html`
<h1>Preview an import</h1>
<p class="lead">Paste entries of a community price map. The preview shows new and changed prices; nothing is written.
To write them, and for whole maps: <code>credit-gateway prices import &lt;file&gt; --apply</code>.</p>
<form method="post" class="narrow">
<label for="book">Book</label>
<select id="book" name="book">${books.map((each) => html`<option${each === book ? html` selected` : []}>${each}</option>`)}</select>
<label for="map">Price map
<span class="hint">a JSON object keyed by model, with input_cost_per_token and so on, in dollars; at most some 100 KB</span></label>
<textarea id="map" name="map" class="mono" required spellcheck="false" rows="10">${map}</textarea>
<div class="actions"><button>Preview</button><a class="button quiet" href="/console/prices">Back to the prices</a></div>
</form>`;

const LEVELS: Readonly<Record<ImportItem['status'], Level>> = {
  new: 'good', changed: 'notice', unchanged: 'unknown', needs_force: 'bad', skipped: 'unknown',
};
const WORDS: Readonly<Record<ImportItem['status'], string>> = {
  new: 'new', changed: 'changed', unchanged: 'unchanged', needs_force: 'needs --force', skipped: 'skipped',
};

function planOf({ items, unused }: ImportPlan): Html {
  return html`<h2>What would change</h2>
<div class="cards">${Object.entries(WORDS).map(([status, word]) =>
    card(word, count(items.filter((item) => item.status === status).length), 'entries', LEVELS[status as ImportItem['status']]))}</div>
${table(
  'What would change',
  [{ head: 'Model' }, { head: 'Provider' }, { head: 'Status' }, { head: 'Prices', is: 'text' }, { head: 'Why', is: 'text' }],
  items.slice(0, SHOWN_MAX).map(({ model, provider, status, changes, reason, notes }) => [
    html`<span class="mono">${model}</span>`, provider, badge(LEVELS[status], WORDS[status]), changes.map(describe).join(', '),
    [reason, ...notes].filter((text) => text !== '').join('; '),
  ]), 'The map has no entries.',
)}
<p class="note">Prices are credits per million tokens, or for one request or picture.${unused.size === 0
  ? ''
  : ` Fields that the book does not use: ${[...unused.keys()].join(', ')}.`}</p>`;
}

const describe = ({ what, from, to, factor }: PriceChange): string => (from === null
  ? `${what} ${to ?? 'not sold'}`
  : `${what} ${from} → ${to ?? 'not sold'}${factor === null ? '' : ` (×${Number(factor.toPrecision(3))})`}`);
