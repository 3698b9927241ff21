import Type from 'typebox';
import { callerOf, type CallerKey } from '../../kit/caller.js';
import { GatewayError, httpStatus } from '../../kit/errors.js';
import { newId } from '../../kit/ids.js';
import type { Principal } from '../../kit/principal.js';
import { allow } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import type { Form } from '../http/form.js';
import { html, type Html } from '../http/html.js';
import type { AddRoute } from '../http/routes.js';
import { bodyOf } from '../http/schema.js';
import { actionOf, type Audit } from './audit.js';
import { PageReply } from './login.routes.js';
import { glanceOf } from './overview-page.js';
import type { Overview } from './overview.js';
import { sendPage } from './page.js';
import { banner, facts, type Fact } from './parts.js';

/** What is wrong with a form, to be shown above it. */
export type Problem = { readonly problem: string };

/** The operator, the reason, and the idempotency key of the form. */
export type By = { readonly actor: string; readonly reason: string; readonly key: CallerKey };

/** The result that is shown after the action. */
export type Done = { readonly says: string; readonly facts: readonly Fact[] };

/**
 * What an operator can do to an account or a hold, in three steps: a form, a confirmation that shows what will change,
 * and the action itself. `Target` is read from the URL, `Wish` from the form.
 */
export type Action<Target, Wish> = {
  /** Below the target's own page. */
  readonly path: string;
  readonly title: string;
  readonly explanation: string;
  readonly isDangerous?: boolean;
  /** Where the reason is kept, when it is not in the ledger. */
  readonly whyHint?: string;
  readonly target: (ctx: GatewayContext) => Target;
  /** The page to go back to. */
  readonly home: (target: Target) => string;
  /** The fields of this action. The field for the reason is added to every form. */
  readonly fields: (form: Form) => Html;
  readonly read: (form: Form) => Wish | Problem;
  /** What will change. */
  readonly preview: (target: Target, wish: Wish) => Promise<readonly Fact[] | Problem>;
  readonly run: (target: Target, wish: Wish, by: By) => Promise<Done>;
};

export const REASON_LENGTH_MAX = 500;
const KEY = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const anyForm = bodyOf(Type.Record(Type.String(), Type.String()), 'The form cannot be read');

export const isProblem = (value: unknown): value is Problem => typeof value === 'object' && value !== null && 'problem' in value;

export type ActionDeps = { readonly overview: () => Promise<Overview>; readonly audit: Pick<Audit, 'recorded'> };

/** The three steps share one URL. The hidden fields `step` and `key` of the posted form tell which step it is. */
export function actionRoutes<Target, Wish>(add: AddRoute, { overview, audit }: ActionDeps, action: Action<Target, Wish>): void {
  const send = async (ctx: GatewayContext, viewer: Principal, body: Html, status = 200): Promise<void> => {
    sendPage(ctx, { title: action.title, viewer, glance: glanceOf(await overview()), body, status });
  };

  add('GET', action.path, allow('admin'), {
    summary: `${action.title}: the form`, replies: { 200: PageReply },
  }, async (ctx, { principal }) => {
    await send(ctx, principal, formOf(action, action.target(ctx), {}, null));
  });

  add('POST', action.path, allow('admin'), {
    summary: `${action.title}: confirm, then run`, body: anyForm, replies: { 200: PageReply },
  }, async (ctx, { principal, body: form }) => {
    const target = action.target(ctx);
    const wish = action.read(form);
    const reason = (form['reason'] ?? '').trim();
    const problem = isProblem(wish) ? wish.problem
      : reason === '' ? `Enter a reason: it is ${action.whyHint ?? 'kept in the ledger'}`
      : reason.length > REASON_LENGTH_MAX ? `The reason is longer than ${REASON_LENGTH_MAX} characters`
      : null;
    if (problem !== null || isProblem(wish)) {
      await send(ctx, principal, formOf(action, target, form, problem), 400);
      return;
    }
    const key = form['key'];
    if (key === undefined || !KEY.test(key) || form['step'] !== 'do') {
      const preview = await attempt(() => action.preview(target, wish));
      if (isProblem(preview)) await send(ctx, principal, formOf(action, target, form, preview.problem), preview.status);
      else await send(ctx, principal, confirmationOf(action, target, form, { facts: preview, key: newId(), problem: null }));
      return;
    }
    const by: By = { actor: principal.accountId, reason, key: { caller: callerOf(principal), key } };
    const asked = actionOf(ctx, principal, { action: action.title, form });
    const done = await attempt(() => audit.recorded(asked, () => action.run(target, wish, by), ({ says }) => ['done', says]));
    // Keep the key: if the action did happen, trying again does not repeat it.
    if (isProblem(done)) await send(
      ctx, principal, confirmationOf(action, target, form, { facts: [], key, problem: done.problem }), done.status,
    );
    else await send(ctx, principal, doneOf(action, target, done));
  });
}

/** An expected failure becomes a message on the page. Other errors go to the error boundary. */
async function attempt<T>(work: () => Promise<T | Problem>): Promise<T | (Problem & { readonly status: number })> {
  try {
    const result = await work();
    return isProblem(result) ? { ...result, status: 409 } : result;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const { code, message, outcome } = error;
    const says = outcome === 'unknown'
      ? `${message}. The action may have been applied. Try again on this page: it is applied only once.`
      : message;
    return { problem: says, status: httpStatus[code] };
  }
}

function formOf<Target, Wish>(action: Action<Target, Wish>, target: Target, form: Form, problem: string | null): Html {
  return html`<div class="narrow"><h1>${action.title}</h1>
<p class="lead">${action.explanation}</p>
${problem === null ? [] : banner('bad', problem)}
<form method="post">
${action.fields(form)}
<label for="reason">Why <span class="hint">${action.whyHint ?? 'kept permanently in the ledger, with your name'}</span></label>
<textarea id="reason" name="reason" required maxlength="${REASON_LENGTH_MAX}">${form['reason'] ?? ''}</textarea>
<div class="actions"><button>Continue</button><a class="button quiet" href="${action.home(target)}">Cancel</a></div>
</form>
<p class="note">The next page shows what will change and asks for confirmation. Nothing changes before that.</p></div>`;
}

type Confirmation = { readonly facts: readonly Fact[]; readonly key: string; readonly problem: string | null };

function confirmationOf<Target, Wish>(
  action: Action<Target, Wish>, target: Target, form: Form, { facts: list, key, problem }: Confirmation,
): Html {
  const carried = { ...form, step: 'do', key };
  return html`<div class="narrow"><h1>${action.title}?</h1>
${problem === null
    ? html`<p class="lead">This will be applied once, even if you press the button several times.</p>`
    : banner('bad', problem)}
${facts([...list, ['Why', form['reason'] ?? '']])}
<form method="post">
${Object.entries(carried).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">
`)}<div class="actions"><button class="${action.isDangerous === true
  ? 'danger'
  : ''}">${problem === null ? action.title : 'Try again'}</button><a class="button quiet" href="${action.home(target)}">Cancel</a></div>
</form></div>`;
}

const doneOf = <Target, Wish>(action: Action<Target, Wish>, target: Target, { says, facts: list }: Done): Html =>
  html`<div class="narrow"><h1>Done</h1>
${banner('good', says)}
${list.length === 0 ? [] : facts(list)}
<div class="actions"><a class="button" href="${action.home(target)}">Back</a></div></div>`;
