import Type from 'typebox';
import { GatewayError, httpStatus } from '../../kit/errors.js';
import { tokenCommand } from '../../kit/own-command.js';
import type { Principal } from '../../kit/principal.js';
import { anyone } from '../auth/allow.js';
import type { Authenticate } from '../auth/bearer.js';
import type { GatewayContext } from '../http/context.js';
import { html } from '../http/html.js';
import type { AddRoute } from '../http/routes.js';
import { bodyOf } from '../http/schema.js';
import { countFailures } from '../rates/count-failures.js';
import { actionOf, type Audit } from './audit.js';
import { redirect, sendPage } from './page.js';
import { banner } from './parts.js';
import { HOME, localPath, LOGIN, requireSameOrigin, setSession } from './session.js';
import type { Sessions } from './sessions.js';

export type LoginDeps = {
  readonly authenticate: Authenticate;
  readonly sessions: Sessions;
  readonly audit: Pick<Audit, 'noted'>;
  /** Counts a token that was not accepted; may refuse the request instead. */
  readonly failedLogin?: (ctx: GatewayContext, error: unknown) => never;
};

export const PageReply = Type.String({ contentMediaType: 'text/html' });
const loginForm = bodyOf(Type.Object({ token: Type.String(), next: Type.Optional(Type.String()) }), 'Paste a token');

/** The login of the console. A token is the only credential; it begins a session. */
export function loginRoutes(add: AddRoute, { authenticate, sessions, audit, failedLogin }: LoginDeps): void {
  add('GET', LOGIN, anyone(), { summary: 'Ask for a token', replies: { 200: PageReply } }, (ctx) => {
    const { next } = ctx.query;
    showLogin(ctx, { next: localPath(typeof next === 'string' ? next : undefined, ''), status: 200 });
  });

  add('POST', LOGIN, anyone(), {
    summary: 'Begin a session with a token', body: loginForm, replies: { 303: Type.Null() },
  }, async (ctx, { body }) => {
    requireSameOrigin(ctx);
    const next = localPath(body.next, '');
    const token = body.token.trim().replace(/^Bearer /, '');
    try {
      const principal = await countFailures(() => admit(authenticate, token), failedLogin && ((error) => failedLogin(ctx, error)));
      const id = await sessions.start(principal.accountId, token);
      await audit.noted(actionOf(ctx, principal, { action: 'Log in', sessionId: id }));
      setSession(ctx, id);
      redirect(ctx, next === '' ? HOME : next);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      const problem = [error.message, ...error.sources.map(({ path, message }) => `${path} ${message}`)].join(': ');
      showLogin(ctx, { next, status: httpStatus[error.code], problem });
    }
  });
}

async function admit(authenticate: Authenticate, token: string): Promise<Principal> {
  const principal = await authenticate(`Bearer ${token}`);
  if (principal.role === 'user') {
    throw new GatewayError(
      'forbidden', 'This token has no operator role; the console is for administrators and supervisors',
    );
  }
  return principal;
}

function showLogin(
  ctx: GatewayContext, { next, status, problem }: { readonly next: string; readonly status: number; readonly problem?: string },
): void {
  sendPage(ctx, {
    title: 'Log in', viewer: null, status,
    body: html`<div class="narrow"><h1>Operator console</h1>
<p class="lead">Paste the token of an administrator or a supervisor. It begins a session in this browser, for this console only.</p>
${problem === undefined ? [] : banner('bad', problem)}
<form method="post" action="${LOGIN}">
<label for="token">Token</label>
<textarea id="token" name="token" class="mono" required spellcheck="false" autocomplete="off" autocapitalize="off"
 maxlength="8000" autofocus></textarea>
${next === '' ? [] : html`<input type="hidden" name="next" value="${next}">`}
<div class="actions"><button>Log in</button></div>
</form>
<h2>Where do I get a token?</h2>
<p>From your auth service, with the role <code>admin</code>. If the gateway uses its own secret, run this in its folder:</p>
<p class="panel"><code>${tokenCommand()} --sub ops --role admin</code></p>
<p class="note">Replace <code>ops</code> by your own name: your actions are recorded under it.
With the role <code>supervisor</code> you see everything and change nothing.</p></div>`,
  });
}
