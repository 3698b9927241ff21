import Type from 'typebox';
import type { ActionsQuery, RecordedAction } from '../../credits/operators/operator-action.table.js';
import type { Clock } from '../../kit/clock.js';
import { isAccountId } from '../../kit/ids.js';
import { allow } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { html, type Html } from '../http/html.js';
import type { AddRoute } from '../http/routes.js';
import type { Audit } from './audit.js';
import { PageReply } from './login.routes.js';
import { glanceOf } from './overview-page.js';
import { within, type Known, type Overview } from './overview.js';
import { sendPage } from './page.js';
import { accountLink, auditPath, badge, banner, table, when, type Level } from './parts.js';

export type AuditPagesDeps = {
  readonly overview: () => Promise<Overview>;
  readonly audit: Pick<Audit, 'read'>;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
};

const SHOWN = 50;
const TEXT_LENGTH_MAX = 200;
const FIELDS = ['actor', 'account', 'text', 'from', 'to', 'before'] as const;
type Search = Readonly<Record<(typeof FIELDS)[number], string>>;

/** What operators did in the console: by operator, account, text and time. */
export function auditPages(add: AddRoute, { overview, audit, clock, onError }: AuditPagesDeps): void {
  const query = Object.fromEntries(FIELDS.map((field) => [field, Type.Optional(Type.String())]));
  add('GET', '/console/audit', allow('admin', 'supervisor'), {
    summary: 'What operators did', query, replies: { 200: PageReply },
  }, async (ctx, { principal }) => {
    const search = searchOf(ctx);
    const [glance, found] = await Promise.all([overview(), within(() => audit.read(wanted(search)), onError)]);
    sendPage(ctx, { title: 'Audit', viewer: principal, glance: glanceOf(glance), body: auditBody(search, found, clock()) });
  });
}

const searchOf = (ctx: GatewayContext): Search => Object.fromEntries(FIELDS.map((field) => {
  const given = ctx.query[field];
  return [field, typeof given === 'string' ? given.trim() : ''];
})) as Search;

/** A field that says nothing that could be there is left out, and the page shows the search without it. */
function wanted({ actor, account, text, from, to, before }: Search): ActionsQuery {
  return {
    actor: isAccountId(actor) ? actor : undefined, accountId: isAccountId(account) ? account : undefined,
    text: text === '' || text.includes('\0') ? undefined : text.slice(0, TEXT_LENGTH_MAX),
    fromMs: minuteOf(from), toMs: minuteOf(to), before: /^[1-9]\d{0,14}$/.test(before) ? Number(before) : undefined, limit: SHOWN,
  };
}

function minuteOf(text: string): number | undefined {
  const atMs = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text) ? Date.parse(`${text}:00Z`) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : atMs;
}

function auditBody(search: Search, found: Known<readonly RecordedAction[]>, nowMs: number): Html {
  return html`<h1>Audit</h1>
<p class="lead">What operators did in this console. Changes of credits are also in the ledger of the account, with operator and reason.</p>
${formOf(search)}
${'value' in found
  ? actionsOf(search, found.value, nowMs)
  : banner('bad', 'The audit trail could not be read: Postgres does not answer.')}`;
}

const formOf = ({ actor, account, text, from, to }: Search): Html => html`<form class="filters" method="get" action="/console/audit">
<div><label for="actor">Operator</label><input id="actor" name="actor" value="${actor}" autocomplete="off" spellcheck="false"></div>
<div><label for="account">Account</label><input id="account" name="account" value="${account}" autocomplete="off" spellcheck="false"></div>
<div><label for="text">Text <span class="hint">anywhere in an action</span></label>
<input type="search" id="text" name="text" value="${text}" maxlength="${TEXT_LENGTH_MAX}"></div>
<div><label for="from">From <span class="hint">UTC</span></label><input type="datetime-local" id="from" name="from" value="${from}"></div>
<div><label for="to">To <span class="hint">UTC</span></label><input type="datetime-local" id="to" name="to" value="${to}"></div>
<div class="go"><button>Search</button> <a class="button quiet" href="/console/audit">All</a></div></form>`;

const LEVELS: Readonly<Record<NonNullable<RecordedAction['end']>, Level>> = { done: 'good', refused: 'notice', unknown: 'bad' };

function actionsOf(search: Search, actions: readonly RecordedAction[], nowMs: number): Html {
  const last = actions.at(-1);
  const older = { ...search, before: String(last?.id ?? '') };
  return html`${table('Actions, newest first', [
    { head: 'When' }, { head: 'Operator' }, { head: 'Action' }, { head: 'About', is: 'text' }, { head: 'Why', is: 'text' },
    { head: 'End', is: 'text' }, { head: 'Request' },
  ], actions.map((each) => [
    when(each.atMs, nowMs), html`<a href="${auditPath({ actor: each.actor })}">${each.actor}</a> <small>${each.role}</small>`,
    each.action, html`${each.accountId === null ? [] : accountLink(each.accountId)} ${each.target} ${each.details}`, each.reason,
    html`${each.end === null ? badge('unknown', 'no end recorded') : badge(LEVELS[each.end], each.end)} ${each.result ?? ''}`,
    html`<code>${each.requestId}</code>`,
  ]), 'Nothing was found.')}
${actions.length < SHOWN ? [] : html`<p><a href="${auditPath(
    Object.fromEntries(Object.entries(older).filter(([, value]) => value !== '')),
  )}">Older actions</a></p>`}`;
}
