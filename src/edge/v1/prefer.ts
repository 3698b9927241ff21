import Type from 'typebox';
import { orLate } from '../../kit/deadline.js';
import type { GatewayContext } from '../http/context.js';
import type { AddRoute } from '../http/routes.js';

const NAME = 'Prefer';
/** Longest time that an answer waits for Postgres. */
const WAIT_MS = 1_000;

/** Declares that a route writes to the ledger and can wait for it: `headers: { ...PreferHeader }`. */
export const PreferHeader = {
  [NAME]: Type.Optional(Type.String({
    description: '`wait=ledger`: the answer comes when the entry is in Postgres, with `Preference-Applied: wait=ledger`, '
      + 'or after a second without that header',
  })),
};

/** Writes to Postgres what Redis has of an account. False: it could not be written now. */
export type WriteLedger = (accountId: string) => Promise<boolean>;

/**
 * Makes the routes that declare `PreferHeader` honour `Prefer: wait=ledger`. The account is that of the request
 * (`accountOf`). Other preferences are ignored, as RFC 7240 wants.
 */
export const waiting = (add: AddRoute, writeLedger: WriteLedger): AddRoute => (method, path, gate, spec, handler) => {
  if (spec.headers?.[NAME] === undefined) {
    add(method, path, gate, spec, handler);
    return;
  }
  add(method, path, gate, spec, (ctx, call) => {
    if (!wantsLedger(ctx)) return handler(ctx, call);
    return Promise.resolve(handler(ctx, call)).then(() => waitForLedger(ctx, writeLedger));
  });
};

function wantsLedger(ctx: GatewayContext): boolean {
  const preferred = ctx.get(NAME);
  return preferred !== '' && preferred.split(/[,;]/).some((each) => /^wait\s*=\s*"?ledger"?$/i.test(each.trim()));
}

async function waitForLedger(ctx: GatewayContext, writeLedger: WriteLedger): Promise<void> {
  const { accountId } = ctx.state;
  if (accountId === undefined) return;
  // The work is done and answered either way: a Postgres that is away only means that the preference is not applied.
  const isWritten = await orLate(WAIT_MS, writeLedger(accountId).catch(() => false), () => false);
  if (isWritten) ctx.set('Preference-Applied', 'wait=ledger');
}
