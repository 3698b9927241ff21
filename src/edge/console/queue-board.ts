import type { KoaAdapter } from '@bull-board/koa';
import type { Queue } from 'bullmq';
import Type from 'typebox';
import { GatewayError } from '../../kit/errors.js';
import type { Principal } from '../../kit/principal.js';
import { allow } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import type { AddRoute } from '../http/routes.js';
import { protectPage } from './page.js';

/** Answers a request below BOARD for somebody who has passed its gate. */
export type QueueBoard = (ctx: GatewayContext, viewer: Principal) => Promise<void>;

export const BOARD = '/console/queues';

/**
 * What the board's own page needs: its scripts, which come from here, and styles that they set. It asks a font of a
 * stranger's server, which is taken out of the page and would not be allowed.
 */
const BOARD_POLICY = [
  `default-src 'none'`, `script-src 'self'`, `style-src 'self' 'unsafe-inline'`, `img-src 'self' data:`, `font-src 'self' data:`,
  `connect-src 'self'`, `form-action 'none'`, `base-uri 'self'`, `frame-ancestors 'none'`,
].join('; ');
const STRANGERS = /<link href="https:[^>]*>\s*/g;
const POLL_SECONDS = 5;

/** One as an administrator gets it, one as a supervisor does. */
type Boards = Readonly<Record<'looking' | 'administering', ReturnType<KoaAdapter['registerPlugin']>>>;

/**
 * bull-board over these queues, twice: as supervisors see it, with nothing to press, and as administrators do. It is
 * loaded at the first request, because most processes never show it.
 */
export function queueBoard(queues: readonly Queue[]): QueueBoard {
  let boards: Promise<Boards> | undefined;
  return async (ctx, { role }) => {
    boards ??= loadBoards(queues);
    const answer = (await boards)[role === 'admin' ? 'administering' : 'looking'];
    protectPage(ctx, BOARD_POLICY);
    await answer(ctx, () => { throw new GatewayError('not_found', 'Not found'); });
    if (typeof ctx.body === 'string') ctx.body = ctx.body.replaceAll(STRANGERS, '');
  };
}

async function loadBoards(queues: readonly Queue[]): Promise<Boards> {
  const { createBullBoard } = await import('@bull-board/api');
  const { BullMQAdapter } = await import('@bull-board/api/bullMQAdapter');
  const { KoaAdapter } = await import('@bull-board/koa');
  const boardOf = (readOnlyMode: boolean) => {
    const adapter = new KoaAdapter();
    adapter.setBasePath(BOARD);
    createBullBoard({
      queues: queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode })),
      serverAdapter: adapter,
      options: { uiConfig: {
        boardTitle: 'Queues', miscLinks: [{ text: 'Console', url: '/console' }], hideDocsLink: true,
        pollingInterval: { forceInterval: POLL_SECONDS }, locale: { lng: 'en-US' },
      } },
    });
    return adapter.registerPlugin();
  };
  return { looking: boardOf(true), administering: boardOf(false) };
}

/** The board as it is served: whoever may look, and who may press its buttons. Its files are behind the gate, too. */
export function boardRoutes(add: AddRoute, board: QueueBoard): void {
  const replies = { 200: Type.Unknown() };
  const looking = { summary: 'The queue board', replies };
  const pressing = { summary: 'A button of the queue board', replies };
  add('GET', BOARD, allow('admin', 'supervisor'), looking, (ctx, { principal }) => board(ctx, principal));
  add('GET', `${BOARD}/*rest`, allow('admin', 'supervisor'), looking, (ctx, { principal }) => board(ctx, principal));
  add('POST', `${BOARD}/*rest`, allow('admin'), pressing, (ctx, { principal }) => board(ctx, principal));
  add('PUT', `${BOARD}/*rest`, allow('admin'), pressing, (ctx, { principal }) => board(ctx, principal));
  add('PATCH', `${BOARD}/*rest`, allow('admin'), pressing, (ctx, { principal }) => board(ctx, principal));
  add('DELETE', `${BOARD}/*rest`, allow('admin'), pressing, (ctx, { principal }) => board(ctx, principal));
}
