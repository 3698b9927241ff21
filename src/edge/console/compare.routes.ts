import type { Comparison } from '../../journal/reconcile/comparison.js';
import type { AccountSnapshot } from '../../ledger/account-snapshot.js';
import { allow } from '../auth/allow.js';
import { html, type Html } from '../http/html.js';
import type { AddRoute } from '../http/routes.js';
import { accountIdIn } from './account.routes.js';
import type { AccountReads, OperatorActions } from './accounts.js';
import { PageReply } from './login.routes.js';
import { glanceOf } from './overview-page.js';
import { within, type Known, type Overview } from './overview.js';
import { sendPage } from './page.js';
import { accountLink, accountPath, banner, count, credits, facts, table } from './parts.js';

export type CompareRouteDeps = Pick<OperatorActions, 'compare'> & Pick<AccountReads, 'snapshot'> & {
  readonly overview: () => Promise<Overview>;
  readonly onError: (error: unknown) => void;
};

/** Redis and Postgres side by side, now. Moves no money, so nobody is asked why; it only writes down what differs. */
export function compareRoute(add: AddRoute, { overview, compare, snapshot, onError }: CompareRouteDeps): void {
  add('POST', '/console/accounts/:accountId/compare', allow('admin'), {
    summary: 'Compare an account in Redis and in Postgres', replies: { 200: PageReply },
  }, async (ctx, { principal }) => {
    const accountId = accountIdIn(ctx);
    const comparison = await compare(accountId);
    const [glance, now] = await Promise.all([overview(), within(() => snapshot(accountId), onError)]);
    sendPage(ctx, {
      title: 'Compare', viewer: principal, glance: glanceOf(glance), search: accountId, body: comparedBody(comparison, now),
    });
  });
}

function comparedBody(comparison: Comparison, now: Known<AccountSnapshot>): Html {
  const { accountId, shard, seq, differences } = comparison;
  return html`<h1>Redis and Postgres</h1>
<p class="lead">What both have of ${accountLink(accountId)}, shard ${shard}${seq === null ? '' : `, at entry ${count(seq)}`}.</p>
${verdictOf(comparison)}
${table('Differences', [
  { head: 'Check' }, { head: 'Expected', is: 'text' }, { head: 'Found', is: 'text' }, { head: 'Micros', is: 'number' },
],
    differences.map(({ check, expected, actual, micros }) => [check, expected, actual, count(micros)]), 'No differences.')}
${differences.length === 0
  ? []
  : html`<p class="note">Amounts in micro-credits. Between the two, what Postgres has is what is expected.</p>`}
${comparison.result === 'ok' && 'value' in now && now.value.seq === seq
    ? html`<h2>Both say</h2>${facts([
      ['Available', credits(now.value.available)],
      ['Held', `${credits(now.value.held)}, by ${count(now.value.holds.length)} open holds`], ['Debt', credits(now.value.debt)],
      ['Lots with something left', now.value.lots.length],
    ])}` : []}
<div class="actions"><form method="post"><button>Compare again</button></form><a class="button quiet" href="${accountPath(
  accountId,
)}">Back</a></div>`;
}

function verdictOf({ result, reason, seq }: Comparison): Html {
  switch (result) {
    case 'ok': return banner('good', seq === null
      ? 'Postgres’ own books of the account agree with each other; there is nothing in Redis to compare them with.'
      : 'They agree: balance, lots, open holds and every entry.');
    case 'drift': return banner('bad', 'They differ. It is a finding now, and stays one until a comparison finds them equal.');
    case 'busy': return banner(
      'notice',
      'The account is written to all the time: its balances agreed at an entry that has passed. The rest was not compared.',
    );
    case 'failed': return banner(
      'notice', `Could not be compared: ${reason ?? 'no reason was given'}. That says nothing about the account.`,
    );
  }
}
