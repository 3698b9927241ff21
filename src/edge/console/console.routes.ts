import { STATUS_CODES } from 'node:http';
import type { Clock } from '../../kit/clock.js';
import { BODY_BYTES_MAX, FORM_BYTES_MAX } from '../../kit/limits.js';
import { allow } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import type { Failure } from '../http/failure.js';
import { readForm } from '../http/form.js';
import { html } from '../http/html.js';
import type { AddRoute, PageRules } from '../http/routes.js';
import { auditOver, type AuditTrail } from './audit.js';
import { auditPages } from './audit.routes.js';
import { adjustAction, freezeAction, grantAction, thawAction } from './account-actions.js';
import { accountPages } from './account.routes.js';
import type { AccountReads, OperatorActions } from './accounts.js';
import { actionRoutes } from './action.js';
import { deadLetterPages, type DeadLetterDesk } from './dead-letter-pages.js';
import { compareRoute } from './compare.routes.js';
import { findPage } from './find.routes.js';
import { settleAction, voidAction } from './hold-actions.js';
import { importPreview, type ImportDesk } from './import.routes.js';
import { allLists, type ListReads } from './lists/all-lists.js';
import { liveRoute } from './live.js';
import { loginRoutes, PageReply, type LoginDeps } from './login.routes.js';
import { overviewReader, type Watch } from './overview.js';
import { glanceOf, overviewBody } from './overview-page.js';
import { redirect, sendPage } from './page.js';
import { boardRoutes, type QueueBoard } from './queue-board.js';
import { credentialsOf, HOME, LOGIN } from './session.js';
import { resendAction, type ResendDesk } from './resend-action.js';
import { runbookPage } from './runbook.routes.js';
import { sessionPages } from './session.routes.js';
import type { Sessions } from './sessions.js';

export type ConsoleDeps = Omit<LoginDeps, 'audit'> & {
  readonly trail: AuditTrail;
  readonly clock: Clock;
  readonly watch: Watch;
  readonly reads: AccountReads;
  readonly actions: OperatorActions;
  readonly lists: ListReads;
  readonly imports: ImportDesk;
  readonly resending: ResendDesk;
  readonly deadLetters: DeadLetterDesk;
  /** Undefined: no queues in this process. */
  readonly board?: QueueBoard | undefined;
  /** Called with the error when a page could not read one of its parts. */
  readonly onError: (error: unknown) => void;
};

const LIVE_SECONDS = 5;

/** The console takes its token from the session of a cookie and its bodies from forms, and shows failures as pages. */
export const consoleRules = ({ sessions }: { readonly sessions: Sessions }): PageRules => ({
  credentials: credentialsOf(sessions), fail: showFailure,
  readBody: (ctx, bytesMax) => readForm(ctx, bytesMax > BODY_BYTES_MAX ? bytesMax : FORM_BYTES_MAX),
});

/** The operator console: pages rendered on the server, which work without their script, for the operator on call. */
export function consoleRoutes(add: AddRoute, deps: ConsoleDeps): void {
  const { watch, reads, actions, board, sessions, clock, onError } = deps;
  const overview = overviewReader(watch, clock, onError);
  const audit = auditOver(deps.trail, onError);
  const acting = { overview, audit };

  loginRoutes(add, { ...deps, audit });
  add('GET', HOME, allow('admin', 'supervisor'), {
    summary: 'The state at a glance', replies: { 200: PageReply },
  }, async (ctx, { principal }) => {
    const now = await overview();
    sendPage(ctx, {
      title: 'Overview', viewer: principal, glance: glanceOf(now), body: overviewBody(now), liveSeconds: LIVE_SECONDS,
    });
  });
  liveRoute(add);
  runbookPage(add, { overview, onError });
  const listing = { overview, clock, onError };
  allLists(add, listing, deps.lists);
  importPreview(add, { desk: deps.imports, overview });
  actionRoutes(add, acting, resendAction(deps.resending));
  findPage(add, { reads, overview, accounts: deps.lists.accounts, onError });
  accountPages(add, { reads, overview, clock, onError });
  actionRoutes(add, acting, grantAction(reads, actions));
  actionRoutes(add, acting, adjustAction(reads, actions));
  actionRoutes(add, acting, settleAction(reads, actions));
  actionRoutes(add, acting, voidAction(reads, actions));
  actionRoutes(add, acting, freezeAction(reads, actions));
  actionRoutes(add, acting, thawAction(reads, actions));
  compareRoute(add, { ...acting, compare: actions.compare, snapshot: reads.snapshot, onError });
  deadLetterPages(add, { desk: deps.deadLetters, lists: listing, ...acting });
  auditPages(add, { ...acting, clock, onError });
  sessionPages(add, { ...acting, sessions });
  if (board !== undefined) boardRoutes(add, board, audit);
}

/** Shows a failure as a page. Without a valid token it redirects to the login, which leads back to the requested page. */
function showFailure(ctx: GatewayContext, { code, status, message, requestId }: Failure): void {
  if (code === 'unauthenticated') {
    redirect(ctx, ctx.method === 'GET' && ctx.url !== HOME ? `${LOGIN}?next=${encodeURIComponent(ctx.url)}` : LOGIN);
    return;
  }
  const title = STATUS_CODES[status] ?? 'Failed';
  const isSmallRole = code === 'forbidden' && message === 'Admin access required';
  const lead = isSmallRole ? 'Only administrators may change something; your token has another role.' : message;
  sendPage(ctx, {
    title, viewer: null, status,
    body: html`<div class="narrow"><h1>${title}</h1><p class="lead">${lead}</p>
<div class="actions"><a class="button" href="${HOME}">Overview</a> <a class="button quiet" href="/console/queues">Queues</a>
<a class="button quiet" href="${LOGIN}">Log in as another user</a></div>
<p class="note">Request <code>${requestId}</code></p></div>`,
  });
}
