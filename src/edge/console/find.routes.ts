import Type from 'typebox';
import { isAccountName, isStorable } from '../../kit/ids.js';
import { allow } from '../auth/allow.js';
import type { AddRoute } from '../http/routes.js';
import { foundBody } from './account-page.js';
import { textOf } from './account.routes.js';
import type { AccountReads, NamedAccount } from './accounts.js';
import type { CreditReads } from './lists/credit-lists.js';
import { listPath } from './lists/list.js';
import { PageReply } from './login.routes.js';
import { glanceOf } from './overview-page.js';
import { within, type Overview } from './overview.js';
import { redirect, sendPage } from './page.js';
import { accountPath } from './parts.js';

export type FindPageDeps = Pick<CreditReads, 'accounts'> & {
  readonly reads: Pick<AccountReads, 'find'>;
  readonly overview: () => Promise<Overview>;
  readonly onError: (error: unknown) => void;
};

const ACCOUNTS = '/console/accounts';
const SEARCH_LENGTH_MAX = 320;

/**
 * The search of the header. A whole id or name leads to its account, even one that was acknowledged a moment ago; what begins a name,
 * or is the id of a hold, to the account or to the list of those that it may mean.
 */
export function findPage(add: AddRoute, { reads, accounts, overview, onError }: FindPageDeps): void {
  add('GET', '/console/find', allow('admin', 'supervisor'), {
    summary: 'Find an account', query: { who: Type.String() }, replies: { 200: PageReply },
  }, async (ctx, { principal }) => {
    // Spaces at the ends belong to an id; around a name they come from copying.
    const given = textOf(ctx, 'who');
    const who = given.trim();
    const found = await named(reads, given) ?? await named(reads, who) ?? [];
    const [only] = found;
    if (only !== undefined && found.length === 1) {
      redirect(ctx, accountPath(only.accountId));
      return;
    }
    const begun = found.length > 0 || who === '' || who.length > SEARCH_LENGTH_MAX || !isStorable(who) ? null : await within(
      () => accounts({ filters: { who }, sort: 'account', isDescending: false, after: null, limit: 1 }), onError,
    );
    if (begun !== null && 'value' in begun && begun.value.rows[0] !== undefined) {
      const [first] = begun.value.rows;
      redirect(ctx, begun.value.next === null ? accountPath(first.accountId) : listPath(ACCOUNTS, { who }));
      return;
    }
    sendPage(ctx, {
      title: 'Find', viewer: principal, glance: glanceOf(await overview()), search: who, status: found.length === 0 ? 404 : 200,
      body: foundBody(who, found),
    });
  });
}

/** The accounts with this name, or null when there are none. */
async function named(reads: Pick<AccountReads, 'find'>, who: string): Promise<readonly NamedAccount[] | null> {
  const found = isAccountName(who) ? await reads.find(who) : [];
  return found.length === 0 ? null : found;
}
