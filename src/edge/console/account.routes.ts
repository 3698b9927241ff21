import type { RefusalsQuery } from '../../credits/refusals/refusal.table.js';
import type { Finding } from '../../journal/reconcile/finding.table.js';
import type { Clock } from '../../kit/clock.js';
import { GatewayError } from '../../kit/errors.js';
import { isAccountId, isKnownHoldId } from '../../kit/ids.js';
import { allow } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import type { AddRoute } from '../http/routes.js';
import { accountBody, type AccountView } from './account-page.js';
import type { AccountReads } from './accounts.js';
import { holdBody } from './hold-page.js';
import { PageReply } from './login.routes.js';
import { glanceOf } from './overview-page.js';
import { within, type Overview } from './overview.js';
import { sendPage } from './page.js';

export type AccountPagesDeps = {
  readonly reads: AccountReads;
  readonly overview: () => Promise<Overview>;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
};

const LIVE_SECONDS = 10;
const ENTRIES_SHOWN = 50;
const REFUSALS_SHOWN = 50;
const AROUND_MS = 5 * 60_000;

/** Pages that show what happened to the credits of an account: account, hold. */
export function accountPages(add: AddRoute, { reads, overview, clock, onError }: AccountPagesDeps): void {
  add('GET', '/console/accounts/:accountId', allow('admin', 'supervisor'), {
    summary: 'An account', replies: { 200: PageReply },
  }, async (ctx, { principal }) => {
    const accountId = accountIdIn(ctx);
    const minute = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(textOf(ctx, 'at')) ? textOf(ctx, 'at') : '';
    const known = <T>(read: () => Promise<T>) => within(read, onError);
    const before = numberOf(ctx, 'before');
    const [glance, profile, snapshot, history, plan, freeze, refused, balances] = await Promise.all([
      overview(), known(() => reads.profile(accountId)), known(() => reads.snapshot(accountId)),
      known(() => reads.history({ accountId, before, limit: ENTRIES_SHOWN })), known(() => reads.plan(accountId)),
      known(() => reads.freezeOf(accountId)), known(() => reads.refusals(refusalsQuery(accountId, minute))),
      known(() => reads.balances(accountId)),
    ]);
    await assertKnown(reads, accountId, { profile, snapshot, history });
    sendPage(ctx, {
      title: accountId, viewer: principal, glance: glanceOf(glance), search: accountId, liveSeconds: LIVE_SECONDS,
      body: accountBody({
        accountId, nowMs: clock(), profile, snapshot, history, plan, freeze, refusals: refused, balances, minute,
        canAct: principal.role === 'admin', findings: findingsOf(glance, accountId),
      }),
    });
  });

  add('GET', '/console/accounts/:accountId/holds/:holdId', allow('admin', 'supervisor'), {
    summary: 'A hold’s life', replies: { 200: PageReply },
  }, async (ctx, { principal }) => {
    const accountId = accountIdIn(ctx);
    const holdId = holdIdIn(ctx);
    const [glance, life, snapshot] = await Promise.all([
      overview(), within(() => reads.hold(accountId, holdId), onError), within(() => reads.snapshot(accountId), onError),
    ]);
    const open = 'value' in snapshot ? snapshot.value.holds.find((hold) => hold.holdId === holdId) ?? null : null;
    // Postgres may still have an older hold with the same id; it is not the one that is open in Redis now.
    const stored = 'value' in life ? life.value : null;
    const current = open !== null && stored !== null && stored.row.placedSeq < open.seq ? null : stored;
    if (open === null && current === null) {
      if ('missing' in life) {
        throw new GatewayError('ledger_unavailable', 'the hold could not be read; try again in a moment', { outcome: 'not_executed' });
      }
      throw new GatewayError('hold_not_found', 'This account has no such hold');
    }
    sendPage(ctx, {
      title: `Hold ${holdId}`, viewer: principal, glance: glanceOf(glance), search: accountId, liveSeconds: LIVE_SECONDS,
      body: holdBody({ accountId, holdId, nowMs: clock(), canAct: principal.role === 'admin', life: current, open }),
    });
  });
}

/** An account without an entry exists if anything is known of it: its owner, a name, or credits on their way. */
async function assertKnown(
  reads: Pick<AccountReads, 'find'>, accountId: string,
  { profile, snapshot, history }: Pick<AccountView, 'profile' | 'snapshot' | 'history'>,
): Promise<void> {
  const isEmpty = 'value' in snapshot && snapshot.value.seq === 0 && 'value' in history && history.value.entries.length === 0
    && 'value' in profile && profile.value === null;
  if (!isEmpty) return;
  const found = await reads.find(accountId);
  if (!found.some((each) => each.accountId === accountId)) throw new GatewayError('account_not_found', 'There is no such account');
}

export function accountIdIn(ctx: GatewayContext): string {
  const text = ctx.params?.['accountId'] ?? '';
  if (!isAccountId(text)) throw new GatewayError('account_not_found', 'Not a valid account id');
  return text;
}

export function holdIdIn(ctx: GatewayContext): string {
  const text = ctx.params?.['holdId'] ?? '';
  if (!isKnownHoldId(text)) throw new GatewayError('hold_not_found', 'Not a valid hold id');
  return text;
}

export function textOf(ctx: GatewayContext, name: string): string {
  const value = ctx.query[name];
  return typeof value === 'string' ? value : '';
}

function numberOf(ctx: GatewayContext, name: string): number | undefined {
  const text = textOf(ctx, name);
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
}

/** Findings about the account among those that the overview lists. The overview lists a limited number. */
const findingsOf = ({ findings }: Overview, accountId: string): readonly Finding[] =>
  ('value' in findings ? findings.value.filter((each) => each.accountId === accountId) : []);

function refusalsQuery(accountId: string, minute: string): RefusalsQuery {
  const atMs = minute === '' ? Number.NaN : Date.parse(`${minute}:00Z`);
  return Number.isNaN(atMs) ? { accountId, limit: REFUSALS_SHOWN } : {
    accountId, fromMs: atMs - AROUND_MS, toMs: atMs + AROUND_MS, limit: REFUSALS_SHOWN,
  };
}
