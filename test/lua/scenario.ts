import { expect } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { micros } from '../../src/kit/money/micros.js';
import type { SettleUse } from '../../src/ledger/hold-terms.js';
import type { ExpiryPolicy, HoldOutcome, HoldTerms, OverCapture, Principal } from '../../src/ledger/ledger.js';
import type { Spending } from '../../src/ledger/limits.js';
import type { RefundPart } from '../../src/ledger/return-commands.js';
import type { TestLedger } from '../support/ledger.js';

/**
 * Runs a ledger scenario in lines, one operation each, with rows in the order of precedence of the checks (CONTRIBUTING.md#tests):
 *
 *     grant  l1 100            -> granted:100        lot, amount, optional `in=2m` and rule, `rule=10;model&other;feature`
 *     place  h1 60             -> placed:40          hold, amount, optional `min=` and `for=2m`
 *     settle h1 20             -> settled:captured=20:released=40
 *     refund r1 10 to=l1:6,debt:4 -> refunded:46:debtPaid=4   lot of its own, amount, where it came from; `grace=3m` or `none`
 *     receive l2:5:3m l3:5 -> received:56              lot:amount:life[:rule]
 *     wait   3m
 *
 *     extend h1 10             -> extended:70:30       hold, amount added, optional `to=80`, `min=`, `key=`, `for=2m`
 *     report h1 25             -> reported:70:25:30    hold, cost so far, optional `usage=in:10;out:5`, `raise=80`, `for=2m`
 *
 * A place and a charge are for `on=model;feature`, by default for neither. A place with `over=` (debt, available or cap), optional
 * `limit=` and `input=`, gives the hold terms; `policy=` is what an expiry charges. A settle with `use=` captures what the hold has.
 * `by=service` or `by=operator` names the caller; the default is a user.
 * Amounts are micros. Times are minutes. Each scenario has a new account.
 */
export async function expectScenario(under: TestLedger, text: string): Promise<string> {
  const accountId = `s-${randomUUID()}`;
  const rows = text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  const actual: string[] = [];
  for (const row of rows) {
    const [call = ''] = row.split('->');
    const answer = await run(under, accountId, call.trim().split(/\s+/));
    actual.push(answer === null ? row : `${call.trimEnd()} -> ${answer}`);
  }
  expect(actual.map(squeeze)).toEqual(rows.map(squeeze));
  return accountId;
}

const squeeze = (row: string): string => row.replace(/\s+/g, ' ');

const MINUTE_MS = 60_000;
const minutes = (text: string | undefined): number | null => (text === undefined ? null : Number.parseFloat(text) * MINUTE_MS);

async function run(under: TestLedger, accountId: string, [op, ...words]: string[]): Promise<string | null> {
  const { ledger } = under;
  const options = new Map(words.filter((word) => word.includes('=')).map((word) => word.split('=') as [string, string]));
  const [name = '', number] = words.filter((word) => !word.includes('='));
  // In `charge 5` the first word is the amount; in operations on a hold or a lot the amount, if any, is the second.
  const amount = micros(Number(/^\d+$/.test(number ?? name) ? (number ?? name) : 0));
  const about = '{}';
  const by = (options.get('by') ?? 'user') as Principal;
  switch (op) {
    case 'wait':
      under.advance(minutes(name) ?? 0);
      return null;
    case 'grant':
    case 'set': {
      const lifeMs = minutes(options.get('in'));
      const expiresAtMs = lifeMs === null ? null : (await under.nowMs()) + lifeMs;
      const command = { accountId, lotId: name, amount, expiresAtMs, key: options.get('key') ?? `intent:${randomUUID()}`, about };
      const rule = options.get('rule') ?? '';
      const reply = op === 'grant' ? await ledger.grantLot({ ...command, kind: 'grant', rule }) : await ledger.setBalance(command);
      if (reply.status === 'granted') return flags(`granted:${reply.available}`, { debtPaid: reply.debtPaid, replayed: reply.replayed });
      return reply.status === 'set' ? flags(`set:${reply.previous}:${reply.available}`, { replayed: reply.replayed }) : reply.status;
    }
    case 'place': {
      const minimum = micros(Number(options.get('min') ?? amount));
      const reply = await ledger.placeHold({
        accountId, holdId: name, minimum, desired: amount, leaseMs: minutes(options.get('for')) ?? 10 * MINUTE_MS,
        kind: 'test', expiryPolicy: (options.get('policy') ?? 'release') as ExpiryPolicy, price: 'p',
        fingerprint: `${minimum}/${amount}`, about, by, ...termsOf(options), spending: spendingOf(options),
      });
      if (reply.status === 'placed') return flags(`placed:${reply.amount}:${reply.available}`, { replayed: reply.replayed });
      if (reply.status === 'hold_resolved') return `${reply.status}:${outcome(reply.outcome)}`;
      return reply.status === 'insufficient_credits' ? `${reply.status}:${reply.available}` : reply.status;
    }
    case 'settle': {
      const debtLimit = options.get('limit');
      const reply = await ledger.settleHold({
        accountId, holdId: name, cost: amount, price: options.get('price') ?? 'p',
        overCapture: options.has('cap') ? 'available' : 'debt',
        debtLimit: debtLimit === undefined ? null : micros(Number(debtLimit)), fingerprint: String(amount), about, by,
        ...(options.has('use') ? { use: options.get('use') as SettleUse } : {}),
      });
      if (reply.status === 'settled') return flags(outcome(reply.outcome), { replayed: reply.replayed });
      if (reply.status === 'price_needed') return `${reply.status}:${reply.price}`;
      return reply.status === 'hold_resolved' ? `${reply.status}:${outcome(reply.outcome)}` : reply.status;
    }
    case 'extend': {
      const to = options.get('to');
      const desired = micros(Number(to ?? amount));
      const key = options.get('key');
      const reply = await ledger.extendHold({
        accountId, holdId: name, mode: to === undefined ? 'by' : 'to', minimum: micros(Number(options.get('min') ?? desired)), desired,
        key: key === undefined ? null : { caller: 'a', key }, fingerprint: String(desired), ...renewal(options), about, by,
      });
      if (reply.status === 'extended') {
        const { hold } = reply;
        return flags(`extended:${hold.amount}:${hold.available}`, { final: hold.final, replayed: reply.replayed });
      }
      if (reply.status === 'price_needed') return `${reply.status}:${reply.price}`;
      if (reply.status === 'hold_resolved') return `${reply.status}:${outcome(reply.outcome)}`;
      return reply.status === 'insufficient_credits' ? `${reply.status}:${reply.available}` : reply.status;
    }
    case 'report': {
      const raise = options.get('raise');
      const reply = await ledger.reportProgress({
        accountId, holdId: name, reported: amount, usage: (options.get('usage') ?? '').replaceAll(':', '=').replaceAll(';', ','),
        raiseTo: raise === undefined ? null : micros(Number(raise)), ...renewal(options), about, by,
      });
      if (reply.status === 'reported') {
        const { hold } = reply;
        return flags(`reported:${hold.amount}:${hold.reported}:${hold.available}`, { added: reply.added, final: hold.final });
      }
      if (reply.status === 'price_needed') return `${reply.status}:${reply.price}`;
      if (reply.status === 'hold_resolved') return `${reply.status}:${outcome(reply.outcome)}`;
      return reply.status === 'progress_backwards' ? `${reply.status}:${reply.reported}` : reply.status;
    }
    case 'void': {
      const reply = await ledger.voidHold({ accountId, holdId: name, about, by });
      if (reply.status === 'voided') return flags(outcome(reply.outcome), { replayed: reply.replayed });
      return reply.status === 'hold_resolved' ? `${reply.status}:${outcome(reply.outcome)}` : reply.status;
    }
    case 'expire': {
      const reply = await ledger.expireHold(accountId, name);
      return reply.status === 'expired' ? outcome(reply.outcome) : reply.status;
    }
    case 'charge': {
      const key = options.get('key');
      const reply = await ledger.charge({
        accountId, amount, key: key === undefined ? null : { operation: 'use', caller: 'a', key },
        fingerprint: String(amount), price: '', about, spending: spendingOf(options),
      });
      if (reply.status === 'charged') return flags(`charged:${reply.available}`, { replayed: reply.replayed });
      return reply.status === 'insufficient_credits' ? `${reply.status}:${reply.available}` : reply.status;
    }
    case 'remove': {
      const reply = await ledger.remove({ accountId, amount, key: options.get('key') ?? `intent:${randomUUID()}`, kind: 'remove', about });
      if (reply.status === 'removed') return flags(`removed:${reply.previous}:${reply.available}`, { replayed: reply.replayed });
      return reply.status === 'insufficient_credits' ? `${reply.status}:${reply.available}` : reply.status;
    }
    case 'revoke': {
      const reply = await ledger.revokeLot({ accountId, lotId: name, key: options.get('key') ?? `intent:${randomUUID()}`, about });
      return reply.status === 'revoked' ? flags(`revoked:${reply.amount}:${reply.available}`, { replayed: reply.replayed }) : reply.status;
    }
    case 'refund': {
      const graceMs = options.get('grace') === 'none' ? null : (minutes(options.get('grace')) ?? 30 * MINUTE_MS);
      const reply = await ledger.refund({
        accountId, lotId: name, amount, parts: await refundParts(under, accountId, options.get('to') ?? ''), graceMs,
        debtGraceMs: 10 * MINUTE_MS, holdId: '', key: options.get('key') ?? `intent:${randomUUID()}`, about,
      });
      return reply.status === 'refunded' ? flags(`refunded:${reply.available}`, {
        debtPaid: reply.debtPaid, replayed: reply.replayed,
      }) : reply.status;
    }
    case 'receive': {
      const nowMs = await under.nowMs();
      const lots = words.filter((word) => word.includes(':') && !word.includes('=')).map((word) => {
        const [lotId = '', size, life, rule = ''] = word.split(':');
        const lifeMs = minutes(life === '' ? undefined : life);
        return { lotId, amount: micros(Number(size)), expiresAtMs: lifeMs === null ? null : nowMs + lifeMs, rule };
      });
      const reply = await ledger.receiveLots({ accountId, lots, key: options.get('key') ?? `intent:${randomUUID()}`, about });
      return reply.status === 'received' ? flags(`received:${reply.available}`, {
        debtPaid: reply.debtPaid, replayed: reply.replayed,
      }) : reply.status;
    }
    case 'sweep': {
      const reply = await ledger.expireLots(accountId);
      return reply.status === 'expired' ? `expired:${reply.amount}` : reply.status;
    }
    case 'freeze':
    case 'thaw':
      return (await ledger[op]({ accountId, about: JSON.stringify({ actor: 'root', reason: op }) })).status;
    case 'read': {
      const state = await ledger.readAccount(accountId);
      const lots = state.lots.map((lot) => `${lot.lotId}=${lot.remaining}${lot.held > 0 ? `+${lot.held}` : ''}`).join(',');
      return flags(`${state.available}:${state.held}`, { debt: state.debt }) + (lots === '' ? '' : `:${lots}`);
    }
    case undefined:
    default:
      throw new Error(`no such operation: ${op ?? ''}`);
  }
}

/** `on=model` or `on=model;feature`: what it is for. */
const spendingOf = (options: ReadonlyMap<string, string>): Spending => {
  const [model, feature] = (options.get('on') ?? '').split(';');
  return { model: model === '' ? undefined : model, feature };
};

const renewal = (options: ReadonlyMap<string, string>) => ({
  leaseMs: minutes(options.get('for')), defaultLeaseMs: MINUTE_MS, price: options.get('price') ?? 'p',
});

function termsOf(options: ReadonlyMap<string, string>): { readonly terms?: HoldTerms } {
  const over = options.get('over');
  if (over === undefined) return {};
  const limit = options.get('limit');
  return {
    terms: {
      overCapture: over as OverCapture, debtLimit: limit === undefined ? null : micros(Number(limit)),
      inputCost: micros(Number(options.get('input') ?? 0)), leaseMs: minutes(options.get('for')) ?? MINUTE_MS,
    },
  };
}

/** `l1:6,debt:4`, with the facts that the lots were opened with. */
async function refundParts(under: TestLedger, accountId: string, text: string): Promise<RefundPart[]> {
  const entries = await under.journal(accountId);
  return text.split(',').map((word) => {
    const [lotId = '', size] = word.split(':');
    const amount = micros(Number(size));
    if (lotId === 'debt') return { lotId: null, amount };
    const entry = entries.find(({ lots }) => lots.some((lot) => lot.lotId === lotId && lot.opened !== null));
    const opened = entry?.lots.find((lot) => lot.lotId === lotId)?.opened;
    if (entry === undefined || opened === null || opened === undefined) throw new Error(`no lot ${lotId} was opened`);
    return { lotId, amount, lotAmount: opened.amount, expiresAtMs: opened.expiresAtMs, grantedAtMs: entry.atMs, rule: opened.rule };
  });
}

/** Leaves out zeros, so that rows stay short. */
function outcome(end: HoldOutcome): string {
  const { captured, released, expired, overage, debt, uncollected } = end;
  return flags(end.state, { captured, released, expired, overage, debt, uncollected, late: end.late });
}

function flags(text: string, facts: Readonly<Record<string, number | boolean>>): string {
  const shown = Object.entries(facts).filter(([, value]) => value !== 0 && value !== false);
  return [text, ...shown.map(([name, value]) => (value === true ? name : `${name}=${value}`))].join(':');
}
