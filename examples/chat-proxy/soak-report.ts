import type { Line, SoakResult } from './soak-run.js';

/** How the tokens of a stream are accounted for; the last one is a mistake. */
const KINDS = [
  'paid to the token', 'paid up to what was read when the connection broke', 'expired: the last report was charged (onExpiry)', 'voided: nothing was read',
  'NOT EXPLAINED',
] as const;
type Kind = (typeof KINDS)[number];

/** A connection that is cut loses what was on its way, about a second of a stream on a busy machine. */
const IN_FLIGHT_TOKENS_MAX = 50;
const CUT_SHORT: readonly (string | null)[] = ['client_disconnect', 'provider_error', 'timeout', 'cut_off'];

function kindOf({ state, reason, onExpiry, delivered, charged }: Line): Kind {
  const unpaid = delivered - charged;
  if (unpaid === 0) return state === 'voided' ? 'voided: nothing was read' : 'paid to the token';
  if (unpaid < 0) return 'NOT EXPLAINED'; // never more than was delivered
  if (state === 'expired' && onExpiry === 'charge_reported') return 'expired: the last report was charged (onExpiry)';
  if (CUT_SHORT.includes(reason) && unpaid <= IN_FLIGHT_TOKENS_MAX) return 'paid up to what was read when the connection broke';
  return 'NOT EXPLAINED';
}

/** What became of every token that the provider delivered. */
export function soakReport({ lines, withoutHold, openHolds, refused, fates }: SoakResult): { readonly text: string; readonly isRight: boolean } {
  const of = (kind: Kind): readonly Line[] => lines.filter((line) => kindOf(line) === kind);
  const sum = (some: readonly Line[], field: 'delivered' | 'charged'): number => some.reduce((all, line) => all + line[field], 0);
  const row = (name: string, some: readonly Line[]): string =>
    `${String(some.length).padStart(6)} ${String(sum(some, 'delivered')).padStart(10)} ${String(sum(some, 'charged')).padStart(10)}  ${name}`;
  const wrong = of('NOT EXPLAINED');
  const text = [
    '', ' holds  delivered    charged  (tokens of output)', ...KINDS.map((kind) => row(kind, of(kind))), row('all', lines), '',
    `callers: ${Object.entries(fates).map(([fate, count]) => `${fate} ${count}`).join(', ')}; refused ${refused}`,
    `open holds: ${openHolds}; tokens delivered without a hold: ${withoutHold}`,
    `most tokens on their way when a connection broke: ${Math.max(0, ...of(KINDS[1]).map(({ delivered, charged }) => delivered - charged))}`, ...wrong.map((line) => `NOT EXPLAINED: ${JSON.stringify(line)}`),
  ].join('\n');
  return { text, isRight: wrong.length === 0 && openHolds === 0 && withoutHold === 0 && lines.length > 0 };
}
