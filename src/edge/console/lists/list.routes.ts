import Type from 'typebox';
import { allow } from '../../auth/allow.js';
import type { AddRoute } from '../../http/routes.js';
import { replyRows } from '../../http/row-stream.js';
import { PageReply } from '../login.routes.js';
import { glanceOf } from '../overview-page.js';
import { within, type Overview } from '../overview.js';
import { protectPage, PAGE_POLICY, sendPage } from '../page.js';
import type { Clock } from '../../../kit/clock.js';
import { GatewayError } from '../../../kit/errors.js';
import { askedOf, type ConsoleList, type ListQuery, type ListRows } from './list.js';
import { listBody } from './list-page.js';

export type ListDeps = {
  readonly overview: () => Promise<Overview>;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
};

const CSV_PAGE = 500;
const LIVE_SECONDS = 10;

/** The two routes of a list: its page and its CSV, which has the rows of all pages. */
export function listRoutes<Row>(add: AddRoute, { overview, clock, onError }: ListDeps, list: ConsoleList<Row>): void {
  const names = [...list.filters.map(({ name }) => name), 'sort', 'after'];
  const query = Object.fromEntries(names.map((name) => [name, Type.Optional(Type.String())]));
  add('GET', list.path, allow('admin', 'supervisor'), {
    summary: list.title, query, replies: { 200: PageReply }, errors: ['invalid_request'],
  }, async (ctx, { principal }) => {
    const asked = askedOf(ctx, list);
    const [glance, found, figures] = await Promise.all([
      overview(), within(() => list.read(asked.query), onError, { isRefusal, withinMs: list.withinMs }),
      within(list.figures ?? (() => Promise.resolve([])), onError),
    ]);
    sendPage(ctx, {
      title: list.title, viewer: principal, glance: glanceOf(glance),
      ...(list.isLive === true && asked.query.after === null ? { liveSeconds: LIVE_SECONDS } : {}),
      body: listBody({ list, asked, found, figures, canAct: principal.role === 'admin', nowMs: clock() }),
    });
  });

  add('GET', `${list.path}.csv`, allow('admin', 'supervisor'), {
    summary: `${list.title} as CSV`, query, replies: { 200: Type.String({ contentMediaType: 'text/csv' }) },
    errors: ['invalid_request', 'ledger_unavailable'],
  }, async (ctx) => {
    const asked = askedOf(ctx, list);
    const columns = list.columns.flatMap(({ head, csv }) => (csv === undefined ? [] : [{ head, csv }]));
    protectPage(ctx, PAGE_POLICY);
    ctx.res.setHeader('Content-Disposition', `attachment; filename="${list.path.split('/').at(-1) ?? 'list'}.csv"`);
    // The first page is read before the answer begins, so that a failure is answered as one.
    const first = await completePage(list, asked.query);
    replyRows(ctx, 'text/csv', columns.map(({ head }) => head), allRows(list, asked.query, first), (row) =>
      Object.fromEntries(columns.map(({ head, csv }) => [head, csv(row)])));
  });
}

async function* allRows<Row>(
  list: ConsoleList<Row>, query: ListQuery, first: ListRows<Row>,
): AsyncGenerator<Row, void, void> {
  for (let page = first; ;) {
    yield* page.rows;
    if (page.next === null) return;
    page = await completePage(list, { ...query, after: page.next });
  }
}

/** A page of a CSV. A file cannot tell that rows are missing, so a part that did not answer is a failure. */
async function completePage<Row>(list: ConsoleList<Row>, query: ListQuery): Promise<ListRows<Row>> {
  const page = await list.read({ ...query, limit: CSV_PAGE });
  if (page.warning !== undefined) throw new GatewayError('ledger_unavailable', page.warning, { outcome: 'not_executed' });
  return page;
}

/** What is wrong with the request is not a part that did not answer. */
const isRefusal = (error: unknown): boolean => error instanceof GatewayError && error.code === 'invalid_request';
