import type { Comparison } from '../../journal/reconcile/comparison.js';
import type { AccountSnapshot } from '../../ledger/account-snapshot.js';
import { allow } from '../auth/allow.js';
import { html, type Html } from '../http/html.js';
import type { AddRoute } from '../http/routes.js';
import { accountIdIn } from './account.routes.js';
import type { AccountReads, OperatorActions } from './accounts.js';
import { actionOf, type Audit } from './audit.js';
import { PageReply } from './login.routes.js';
import { glanceOf } from './overview-page.js';
import { within, type Known, type Overview } from './overview.js';
import { sendPage } from './page.js';
import { accountLink, accountPath, banner, count, credits, facts, table } from './parts.js';

export type CompareRouteDeps = Pick<OperatorActions, 'compare'> & Pick<AccountReads, 'snapshot'> & {
  readonly overview: () => Promise<Overview>;
  readonly audit: Pick<Audit, 'recorded'>;
  readonly onError: (error: unknown) => void;
};

/** Compares an account in Redis and Postgres now. It moves no money and only stores findings, so it asks for no reason. */
export function compareRoute(add: AddRoute, { overview, audit, compare, snapshot, onError }: CompareRouteDeps): void {
  add('POST', '/console/accounts/:accountId/compare', allow('admin'), {
    summary: 'Compare an account in Redis and in Postgres', replies: { 200: PageReply },
  }, async (ctx, { principal }) => {
    const accountId = accountIdIn(ctx);
    const asked = actionOf(ctx, principal, { action: 'Compare Redis and Postgres' });
    const comparison = await audit.recorded(asked, () => compare(accountId), ({ result }) => ['done', result]);
    const [glance, now] = await Promise.all([overview(), within(() => snapshot(accountId), onError)]);
    sendPage(ctx, {
      title: 'Compare', viewer: principal, glance: glanceOf(glance), search: accountId, body: comparedBody(comparison, now),
    });
  });
}

function comparedBody(comparison: Comparison, now: Known<AccountSnapshot>): Html {
  const { accountId, shard, seq, differences } = comparison;
  return html`<h1>Redis and Postgres</h1>
<p class="lead">Account ${accountLink(accountId)} in both, shard ${shard}${seq === null ? '' : `, at entry ${count(seq)}`}.</p>
${verdictOf(comparison)}
${table('Differences', [
  { head: 'Check' }, { head: 'Expected', is: 'text' }, { head: 'Found', is: 'text' }, { head: 'Micros', is: 'number' },
],
    differences.map(({ check, expected, actual, micros }) => [check, expected, actual, count(micros)]), 'No differences.')}
${differences.length === 0
  ? []
  : html`<p class="note">Amounts are micro-credits. “Expected” is the value from Postgres.</p>`}
${comparison.result === 'ok' && 'value' in now && now.value.seq === seq
    ? html`<h2>Values in both</h2>${facts([
      ['Available', credits(now.value.available)],
      ['Held', `${credits(now.value.held)}, by ${count(now.value.holds.length)} open holds`], ['Debt', credits(now.value.debt)],
      ['Lots with credits left', now.value.lots.length],
    ])}` : []}
<div class="actions"><form method="post"><button>Compare again</button></form><a class="button quiet" href="${accountPath(
  accountId,
)}">Back</a></div>`;
}

function verdictOf({ result, reason, seq }: Comparison): Html {
  switch (result) {
    case 'ok': return banner('good', seq === null
      ? 'The tables in Postgres agree with each other. Redis does not have this account, so there is nothing to compare them with.'
      : 'They agree: balance, lots, open holds and every entry.');
    case 'drift': return banner('bad', 'They differ. A finding is stored and stays open until a comparison finds them equal.');
    case 'busy': return banner(
      'notice',
      'The account changed during each attempt. Its balances agreed at an earlier entry; lots, holds and entries were not compared.',
    );
    case 'failed': return banner(
      'notice', `Could not be compared: ${reason ?? 'no reason was given'}. This says nothing about the account itself.`,
    );
  }
}
