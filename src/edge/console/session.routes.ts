import Type from 'typebox';
import { isAccountId } from '../../kit/ids.js';
import type { Principal } from '../../kit/principal.js';
import { allow } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { html, type Html } from '../http/html.js';
import type { AddRoute } from '../http/routes.js';
import { actionRoutes, type Action, type ActionDeps } from './action.js';
import { actionOf, type Audit } from './audit.js';
import { PageReply } from './login.routes.js';
import { glanceOf } from './overview-page.js';
import { redirect, sendPage } from './page.js';
import { duration, facts } from './parts.js';
import { forgetSession, LOGIN, sessionIdOf } from './session.js';
import { SESSION_SECONDS_MAX, type Sessions } from './sessions.js';

const HOME = '/console/session';

export type SessionPagesDeps = ActionDeps & {
  readonly audit: Audit;
  readonly sessions: Pick<Sessions, 'end' | 'endAll' | 'idleSeconds'>;
};

/** The operator's own session, and how sessions are ended. */
export function sessionPages(add: AddRoute, { overview, audit, sessions }: SessionPagesDeps): void {
  add('GET', HOME, allow('admin', 'supervisor'), { summary: 'Your session', replies: { 200: PageReply } }, async (ctx, { principal }) => {
    const body = sessionBody(principal, sessions.idleSeconds);
    sendPage(ctx, { title: 'Session', viewer: principal, glance: glanceOf(await overview()), body });
  });

  const loggedOut = async (ctx: GatewayContext, viewer: Principal, action: string): Promise<void> => {
    await audit.noted(actionOf(ctx, viewer, { action }));
    forgetSession(ctx);
    redirect(ctx, LOGIN);
  };
  add('POST', '/console/logout', allow('admin', 'supervisor'), {
    summary: 'End this session', replies: { 303: Type.Null() },
  }, async (ctx, { principal }) => {
    await sessions.end(sessionIdOf(ctx) ?? '');
    await loggedOut(ctx, principal, 'Log out');
  });
  add('POST', '/console/logout-everywhere', allow('admin', 'supervisor'), {
    summary: 'End all sessions of this operator', replies: { 303: Type.Null() },
  }, async (ctx, { principal }) => {
    await sessions.endAll(principal.accountId);
    await loggedOut(ctx, principal, 'Log out everywhere');
  });

  actionRoutes(add, { overview, audit }, endOthers(sessions));
}

function sessionBody({ accountId, role }: Principal, idleSeconds: number): Html {
  return html`<div class="narrow"><h1>Your session</h1>
${facts([
    ['Operator', html`<span class="mono">${accountId}</span>`], ['Role', role],
    ['Ends', `after ${duration(idleSeconds)} without a click, ${duration(SESSION_SECONDS_MAX)} after the login, or with your token`],
  ])}
<div class="actions"><form method="post" action="/console/logout"><button>Log out</button></form>
<form method="post" action="/console/logout-everywhere"><button class="quiet">Log out everywhere</button></form></div>
${role === 'admin' ? html`<h2>Another operator</h2>
<p>A browser was lost, or an operator has left: <a href="${HOME}/end">end all sessions of an operator</a>.</p>` : []}</div>`;
}

/** The token of the operator stays valid: who still has it can log in again. */
function endOthers(sessions: Pick<Sessions, 'endAll'>): Action<null, string> {
  return {
    path: `${HOME}/end`, title: 'End sessions', isDangerous: true, whyHint: 'kept in the audit trail, with your name',
    explanation: 'Ends all sessions of an operator, in every browser. A token that is still valid can begin a new one: '
      + 'revoke it at its issuer, too.',
    target: () => null, home: () => HOME,
    fields: (form) => html`<label for="operator">Operator <span class="hint">the subject of the token</span></label>
<input id="operator" name="operator" required autocomplete="off" spellcheck="false" value="${form['operator'] ?? ''}">
`,
    read: (form) => (isAccountId(form['operator'] ?? '') ? form['operator'] ?? '' : { problem: 'Enter the operator whose sessions end' }),
    preview: (_, operator) => Promise.resolve([['Operator', html`<span class="mono">${operator}</span>`]]),
    run: async (_, operator) => {
      await sessions.endAll(operator);
      return { says: `All sessions of ${operator} are ended.`, facts: [] };
    },
  };
}
