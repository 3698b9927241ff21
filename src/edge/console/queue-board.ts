import type { KoaAdapter } from '@bull-board/koa';
import type { Queue } from 'bullmq';
import Type from 'typebox';
import { GatewayError } from '../../kit/errors.js';
import type { Principal } from '../../kit/principal.js';
import { isRedisAway } from '../../stores/redis/redis-away.js';
import { allow } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import type { AddRoute } from '../http/routes.js';
import { actionOf, type Audit } from './audit.js';
import { protectPage } from './page.js';

/** Answers a request below BOARD for a viewer whose role was checked. */
export type QueueBoard = (ctx: GatewayContext, viewer: Principal) => Promise<void>;

export const BOARD = '/console/queues';

/**
 * What the page of bull-board needs: its scripts, which the gateway serves, and styles that the scripts set. Its link
 * to a font on another server is removed from the page; this policy would block it too.
 */
const BOARD_POLICY = [
  `default-src 'none'`, `script-src 'self'`, `style-src 'self' 'unsafe-inline'`, `img-src 'self' data:`, `font-src 'self' data:`,
  `connect-src 'self'`, `form-action 'none'`, `base-uri 'self'`, `frame-ancestors 'none'`,
].join('; ');
const STRANGERS = /<link href="https:[^>]*>\s*/g;
const POLL_SECONDS = 5;
const PAGE_OF_QUEUE = new RegExp(`^${BOARD}/queue/([^/]*)`);

type Boards = Readonly<Record<'looking' | 'administering', ReturnType<KoaAdapter['registerPlugin']>>>;

/**
 * Two boards over the same queues: read-only for supervisors, with actions for administrators. bull-board is loaded at the
 * first request, because most processes never show it.
 */
export function queueBoard(queues: readonly Queue[]): QueueBoard {
  let boards: Promise<Boards> | undefined;
  const names = new Set(queues.map((queue) => encodeURIComponent(queue.name)));
  return async (ctx, { role }) => {
    boards ??= loadBoards(queues);
    // The board answers the pages of any name and leaves it to its script to find no such queue.
    const [, name] = PAGE_OF_QUEUE.exec(ctx.path) ?? [];
    if (name !== undefined && !names.has(name)) throw notFound();
    const answer = (await boards)[role === 'admin' ? 'administering' : 'looking'];
    protectPage(ctx, BOARD_POLICY);
    const unknown: string[] = [];
    // Not thrown here: the board would take it for a failure of its own.
    await answer(ctx, () => {
      unknown.push(ctx.path);
      return Promise.resolve();
    });
    if (unknown.length > 0) throw notFound();
    if (typeof ctx.body === 'string') ctx.body = ctx.body.replaceAll(STRANGERS, '');
  };
}

const notFound = (cause?: unknown): GatewayError => new GatewayError('not_found', 'Not found', { cause });

/** An error of the board, for the gateway's own boundary: the board would answer 500 for a path that it does not serve. */
function rethrow(error: unknown): never {
  const { status } = error as { readonly status?: unknown };
  if (typeof status === 'number' && status < 500) throw notFound(error);
  if (!isRedisAway(error)) throw error;
  throw new GatewayError('ledger_unavailable', 'the queues cannot be read now; retry shortly', { outcome: 'unknown', cause: error });
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
    adapter.setErrorHandler(rethrow);
    return adapter.registerPlugin();
  };
  return { looking: boardOf(true), administering: boardOf(false) };
}

/** The routes of the board: supervisors may read, only administrators may act. Its static files need the same roles. */
export function boardRoutes(add: AddRoute, board: QueueBoard, { recorded }: Pick<Audit, 'recorded'>): void {
  const press: QueueBoard = (ctx, viewer) => recorded(
    actionOf(ctx, viewer, { action: 'Queue board', target: `${ctx.method} ${ctx.path}` }),
    () => board(ctx, viewer), () => [ctx.status < 400 ? 'done' : 'refused', `${ctx.status}`],
  );
  const replies = { 200: Type.Unknown() };
  const looking = { summary: 'The queue board', replies };
  const pressing = { summary: 'An action of the queue board', replies };
  add('GET', BOARD, allow('admin', 'supervisor'), looking, (ctx, { principal }) => board(ctx, principal));
  add('GET', `${BOARD}/*rest`, allow('admin', 'supervisor'), looking, (ctx, { principal }) => board(ctx, principal));
  add('POST', `${BOARD}/*rest`, allow('admin'), pressing, (ctx, { principal }) => press(ctx, principal));
  add('PUT', `${BOARD}/*rest`, allow('admin'), pressing, (ctx, { principal }) => press(ctx, principal));
  add('PATCH', `${BOARD}/*rest`, allow('admin'), pressing, (ctx, { principal }) => press(ctx, principal));
  add('DELETE', `${BOARD}/*rest`, allow('admin'), pressing, (ctx, { principal }) => press(ctx, principal));
}
