import type { LossRow } from '../journal/shard-losses.table.js';
import { printable } from './printable.js';

/** A loss in two lines: what, how many, of which time, and whose. */
export function lossLine(loss: LossRow): string {
  const { shard, epoch, entries, accounts, fromMs, toMs, noticedAtMs, reason, kind, unreadable, accountCount } = loss;
  const [from, to, noticed] = [fromMs, toMs, noticedAtMs].map((ms) => (ms === null ? 'the beginning' : new Date(ms).toISOString()));
  const named = Object.entries(accounts).map(([accountId, count]) => `${printable(accountId)} (${count})`);
  const more = accountCount - named.length;
  const what = kind === 'lost'
    ? `LOST at least ${entries} entries of epoch ${epoch}`
    : `LEFT BEHIND ${entries} entries of epoch ${epoch}${unreadable === 0 ? '' : `, of which ${unreadable} cannot be read`}`;
  const others = more <= 0 ? '' : `, and ${more} more: credit-gateway shards left ${shard} --epoch ${epoch}`;
  return `shard ${shard}  ${what}, written from ${from} to ${to}, noticed ${noticed}
  accounts: ${named.length === 0 ? 'not known' : named.join(', ')}${others}${reason === null ? '' : `\n  acknowledged: ${reason}`}`;
}
