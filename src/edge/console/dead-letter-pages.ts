import { GatewayError } from '../../kit/errors.js';
import type { GatewayContext } from '../http/context.js';
import { html } from '../http/html.js';
import type { AddRoute } from '../http/routes.js';
import { actionRoutes, type Action, type ActionDeps, type Done, type Problem } from './action.js';
import { countColumn, proseColumn, textColumn, timeColumn } from './lists/columns.js';
import type { ConsoleList, ListColumn } from './lists/list.js';
import { listRoutes, type ListDeps } from './lists/list.routes.js';
import { memoryPage, mentions } from './lists/memory-list.js';
import { count, plural, type Fact } from './parts.js';

/** A message of a queue that could not be done. The console knows nothing of brokers. */
export type WaitingLetter = {
  readonly transport: string;
  readonly queue: string;
  readonly id: string;
  readonly reason: string;
  readonly code: string;
  readonly attempts: number;
  readonly deadAt: string;
  readonly body: string;
};

export type ListedLetters = {
  readonly letters: readonly WaitingLetter[];
  /** The brokers that did not answer: their letters are missing. */
  readonly silent: readonly string[];
};

export type LetterVerdict = 'replay' | 'discard';

/** What an operator decided, and who did: also kept in the log. */
export type LetterDecision = {
  readonly verdict: LetterVerdict;
  readonly which: (letter: WaitingLetter) => boolean;
  readonly actor: string;
  readonly reason: string;
};

export type DeadLetterDesk = {
  readonly list: () => Promise<ListedLetters>;
  /** Answers how many letters it was done with. Throws GatewayError ledger_unavailable when a broker does not answer. */
  readonly decide: (decision: LetterDecision) => Promise<number>;
};

const HOME = '/console/dead-letters';
const BODY_SHOWN_MAX = 300;
/** RabbitMQ is connected for each look. */
const LIST_WITHIN_MS = 12_000;
const WHY_HINT = 'kept in the audit trail, with your name';

/** Messages that wait for an operator: why, and what can be done with them. */
export function deadLetterPages(
  add: AddRoute, { desk, lists, ...deps }: ActionDeps & { readonly desk: DeadLetterDesk; readonly lists: ListDeps },
): void {
  listRoutes(add, lists, letterList(desk));
  for (const verdict of ['replay', 'discard'] as const) actionRoutes(add, deps, oneLetter(desk, verdict));
  actionRoutes(add, deps, allOfACode(desk));
}

const columns: readonly ListColumn<WaitingLetter>[] = [
  timeColumn('Since', ({ deadAt }) => (deadAt === '' ? null : Date.parse(deadAt)), 'unknown', 'since'),
  textColumn('Code', ({ code }) => code, 'code'), proseColumn('Why', ({ reason }) => reason),
  textColumn('Queue', ({ queue }) => queue, 'queue'), textColumn('Broker', ({ transport }) => transport),
  countColumn('Attempts', ({ attempts }) => attempts, 'attempts'),
  { head: 'Message', is: 'text', cell: ({ body }) => html`<code>${body.slice(0, BODY_SHOWN_MAX)}</code>`, csv: ({ body }) => body },
];

const letterList = (desk: DeadLetterDesk): ConsoleList<WaitingLetter> => ({
  path: HOME, title: 'Dead letters', sort: '-since', columns, withinMs: LIST_WITHIN_MS,
  lead: `Messages of the queues that could not be done. Their usage has not been charged. Mend the cause, then replay them:
however often a settlement is replayed, it is charged once. The first hundred of each queue; credit-gateway dead-letters handles more.`,
  filters: [
    { name: 'text', label: 'Message or reason', hint: 'contains', is: 'text' },
    { name: 'code', label: 'Code', hint: 'the whole code', is: 'text' },
  ],
  empty: 'None: every message of the queues was done.',
  read: async (query) => {
    const { letters, silent } = await desk.list();
    return {
      ...memoryPage(letters, columns, {
        text: ({ body, reason }, value) => mentions(value, body, reason), code: ({ code }, value) => code === value,
      }, query),
      figures: [{
        title: 'Waiting', value: count(letters.length), note: `in ${plural(new Set(letters.map(({ queue }) => queue)).size, 'queue')}`,
        level: letters.length > 0 ? 'bad' : silent.length > 0 ? 'unknown' : 'good',
      }],
      ...(silent.length === 0 ? {} : { warning: `${silent.join(', ')} did not answer: its letters are not listed.` }),
    };
  },
  actions: (letters) => html`<div class="actions">${[...new Set(letters.map(({ code }) => code))].sort().map((code) =>
    html`<a class="button quiet" href="${HOME}/codes/${encodeURIComponent(code)}/replay">Replay all with ${code}</a>`)}</div>`,
  rowActions: ({ id }) => html`<a class="act" href="${pathOf(id, 'replay')}">replay</a>
<a class="act" href="${pathOf(id, 'discard')}">discard</a>`,
});

const pathOf = (id: string, verdict: LetterVerdict): string => `${HOME}/${encodeURIComponent(id)}/${verdict}`;

const REPLAY = 'Sends the message to its queue again. Do it when the cause is mended: otherwise it comes back here.';
const DISCARD = 'Forgets the message. Its usage will never be charged.';

/** `verdict` for the letters with this id: AMQP letters with equal content share one. */
function oneLetter(desk: DeadLetterDesk, verdict: LetterVerdict): Action<string, null> {
  return {
    ...common(desk, verdict, (id) => (letter) => letter.id === id),
    path: `${HOME}/:letterId/${verdict}`, title: verdict === 'replay' ? 'Replay message' : 'Discard message',
    target: (ctx) => named(ctx, 'letterId'),
  };
}

/** Replays what has one cause, such as a model without a price. */
function allOfACode(desk: DeadLetterDesk): Action<string, null> {
  return {
    ...common(desk, 'replay', (code) => (letter) => letter.code === code),
    path: `${HOME}/codes/:code/replay`, title: 'Replay messages', target: (ctx) => named(ctx, 'code'),
  };
}

type Which = (target: string) => LetterDecision['which'];

function common(desk: DeadLetterDesk, verdict: LetterVerdict, which: Which): Omit<Action<string, null>, 'path' | 'title' | 'target'> {
  return {
    explanation: verdict === 'replay' ? REPLAY : DISCARD, isDangerous: verdict === 'discard', whyHint: WHY_HINT,
    home: () => HOME, fields: () => html``, read: () => null,
    preview: async (target): Promise<readonly Fact[] | Problem> => {
      const { letters } = await desk.list();
      const meant = letters.filter(which(target));
      const [first] = meant;
      if (first === undefined) return { problem: 'There is no such message: it has been replayed or discarded' };
      return [
        ['Messages', count(meant.length)], ['Code', first.code], ['Why it failed', first.reason],
        ['First', html`<code>${first.body.slice(0, BODY_SHOWN_MAX)}</code>`],
      ];
    },
    run: async (target, _, { actor, reason }): Promise<Done> => {
      const done = await desk.decide({ verdict, which: which(target), actor, reason });
      const what = verdict === 'replay' ? 'replayed' : 'discarded';
      return { says: done === 0 ? 'There is no such message any more.' : `${count(done)} ${what}.`, facts: [] };
    },
  };
}

function named(ctx: GatewayContext, name: string): string {
  const value = ctx.params?.[name];
  if (value === undefined) throw new GatewayError('not_found', 'There is no such message');
  return value;
}
