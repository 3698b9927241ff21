import type { Line, SoakResult } from './soak-run.js';

/** How the tokens of a stream are accounted for; the last one is a mistake. */
const KINDS = [
  'paid to the token', 'paid up to what was read when the connection broke', 'expired: the last report was charged (onExpiry)',
  'voided: nothing was read', 'counted by the proxy: the provider told no usage', 'NOT EXPLAINED',
] as const;
type Kind = (typeof KINDS)[number];

/** A connection that is cut loses what was on its way, about a second of a stream on a busy machine. */
const IN_FLIGHT_TOKENS_MAX = 50;
/** An answer that ends within a word may be the text of fewer tokens. */
const COUNT_DIFFERENCE_MAX = 2;
const CUT_SHORT: readonly (string | null)[] = ['client_disconnect', 'provider_error', 'timeout', 'cut_off'];

function kindOf({ state, reason, onExpiry, delivered, charged, reported, isTold }: Line): Kind {
  const unpaid = delivered - charged;
  if (unpaid === 0) return state === 'voided' ? 'voided: nothing was read' : 'paid to the token';
  if (unpaid < 0) return 'NOT EXPLAINED'; // never more than was delivered
  const isPolicy = state === 'expired' && onExpiry === 'charge_reported' && charged === reported;
  if (isPolicy) return 'expired: the last report was charged (onExpiry)';
  if (CUT_SHORT.includes(reason) && unpaid <= IN_FLIGHT_TOKENS_MAX) return 'paid up to what was read when the connection broke';
  if (reason === 'completed' && !isTold && unpaid <= COUNT_DIFFERENCE_MAX) return 'counted by the proxy: the provider told no usage';
  return 'NOT EXPLAINED';
}

/** What became of every token that the provider delivered. */
export function soakReport(
  { lines, withoutHold, openHolds, refused, fates }: SoakResult,
): { readonly text: string; readonly isRight: boolean } {
  const of = (kind: Kind): readonly Line[] => lines.filter((line) => kindOf(line) === kind);
  const sum = (some: readonly Line[], field: 'delivered' | 'charged'): number => some.reduce((all, line) => all + line[field], 0);
  const row = (name: string, some: readonly Line[]): string =>
    `${[some.length, sum(some, 'delivered'), sum(some, 'charged')].map((value) => String(value).padStart(10)).join(' ')}  ${name}`;
  const wrong = of('NOT EXPLAINED');
  const mostOnTheirWay = Math.max(0, ...of(KINDS[1]).map(({ delivered, charged }) => delivered - charged));
  const text = [
    '', '     holds  delivered    charged  (tokens of output)', ...KINDS.map((kind) => row(kind, of(kind))), row('all', lines), '',
    `callers: ${Object.entries(fates).map(([fate, count]) => `${fate} ${count}`).join(', ')}; refused ${refused}`,
    `open holds: ${openHolds}; tokens delivered without a hold: ${withoutHold}`,
    `most tokens on their way when a connection broke: ${mostOnTheirWay}`, ...wrong.map((line) => `NOT EXPLAINED: ${JSON.stringify(line)}`),
  ].join('\n');
  return { text, isRight: wrong.length === 0 && openHolds === 0 && withoutHold === 0 && lines.length > 0 };
}
