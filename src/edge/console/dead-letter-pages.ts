import { GatewayError } from '../../kit/errors.js';
import { allow } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { html, type Html } from '../http/html.js';
import type { AddRoute } from '../http/routes.js';
import { actionRoutes, type Action, type ActionDeps, type Done, type Problem } from './action.js';
import { PageReply } from './login.routes.js';
import { glanceOf } from './overview-page.js';
import { sendPage } from './page.js';
import { banner, count, table, type Fact } from './parts.js';

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
const WHY_HINT = 'kept in the audit trail, with your name';

/** Messages that wait for an operator: why, and what can be done with them. */
export function deadLetterPages(
  add: AddRoute, { desk, ...deps }: ActionDeps & { readonly desk: DeadLetterDesk },
): void {
  add('GET', HOME, allow('admin', 'supervisor'), {
    summary: 'Messages that could not be done', replies: { 200: PageReply },
  }, async (ctx, { principal }) => {
    const [listed, glance] = await Promise.all([desk.list(), deps.overview()]);
    const body = lettersBody(listed, principal.role === 'admin');
    sendPage(ctx, { title: 'Dead letters', viewer: principal, glance: glanceOf(glance), body });
  });
  for (const verdict of ['replay', 'discard'] as const) actionRoutes(add, deps, oneLetter(desk, verdict));
  actionRoutes(add, deps, allOfACode(desk));
}

function lettersBody({ letters, silent }: ListedLetters, canDecide: boolean): Html {
  const codes = [...new Set(letters.map(({ code }) => code))].sort();
  return html`<h1>Dead letters</h1>
<p class="lead">Messages of the queues that could not be done. Their usage has not been charged. Mend the cause, then replay them:
however often a settlement is replayed, it is charged once.</p>
${silent.length === 0 ? [] : banner('bad', `${silent.join(', ')} did not answer: its letters are not listed.`)}
${table(
  'Dead letters', [
    { head: 'Since' }, { head: 'Code' }, { head: 'Why', is: 'text' }, { head: 'Queue' }, { head: 'Attempts', is: 'number' },
    { head: 'Message', is: 'text' }, ...(canDecide ? [{ head: 'What to do' }] : []),
  ],
  letters.map((letter) => [
    letter.deadAt === '' ? 'unknown' : letter.deadAt.slice(0, 19).replace('T', ' '), letter.code, letter.reason,
    `${letter.queue}, ${letter.transport}`, count(letter.attempts), html`<code>${letter.body.slice(0, BODY_SHOWN_MAX)}</code>`,
    ...(canDecide
      ? [html`<a href="${pathOf(letter.id, 'replay')}">replay</a> <a href="${pathOf(letter.id, 'discard')}">discard</a>`]
      : []),
  ]),
  'None.',
)}
${codes.length === 0 || !canDecide ? [] : html`<div class="actions">${codes.map((code) =>
    html`<a class="button quiet" href="${HOME}/codes/${encodeURIComponent(code)}/replay">Replay all with ${code}</a>`)}</div>`}
<p class="note">More than are shown here, or many at once: <code>credit-gateway dead-letters</code>.</p>`;
}

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
