import Type, { type TSchema } from 'typebox';
import { isHexId, type Subscription } from '../../credits/features/feature.js';
import type { FeatureAdmin } from '../../credits/features/manage-features.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { ACCOUNT_ID_RULE, isAccountId } from '../../kit/ids.js';
import { LONG_BODY_BYTES_MAX } from '../../kit/limits.js';
import { allow } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { accountIdText, bodyOf, storedText } from '../http/schema.js';
import {
  assertSameId, endpointShape, INVALID, packageShape, presentEndpoint, presentPackage, toEndpoint, toEndpointChanges, toPackage,
  toPackageChanges, type TextSchema,
} from './feature-fields.js';

export type FeatureRouteDeps = { readonly features: FeatureAdmin; readonly clock: () => number };

const text = storedText as unknown as TextSchema;
const Id = Type.String({ pattern: '^[0-9a-fA-F]{24}$' });
const AccountId = accountIdText();
const Time = Type.Optional(Type.Union([Type.String({ maxLength: 40 }), Type.Null()]));

const endpointBody = bodyOf(endpointShape(text), INVALID);
const endpointChanges = bodyOf(Type.Partial(endpointShape(text)), INVALID);
const packageBody = bodyOf(packageShape(text), INVALID);
const packageChanges = bodyOf(Type.Partial(packageShape(text)), INVALID);
const subscriptionBody = bodyOf(Type.Object({ user_id: AccountId, package_id: Id, starts_at: Time, ends_at: Time }), INVALID);

const Endpoint = Type.Object({
  _id: Type.String(), feature: Type.String(), name: Type.String(), value: Type.String(), endpoint: Type.String(), method: Type.String(),
  min_credits: Type.Number(), is_active: Type.Boolean(),
});
const OrNull = (schema: TSchema) => Type.Union([schema, Type.Null()]);
const Package = Type.Object({
  _id: Type.String(), name: Type.String(), is_initial: Type.Boolean(), is_active: Type.Boolean(),
  features: Type.Array(Type.Object({
    feature: Type.String(), feature_endpoint_id: OrNull(Type.String()), min_credits: OrNull(Type.Number()), config: OrNull(Type.Object({})),
  })),
});
const Subscribed = Type.Object({
  _id: Type.String(), user_id: Type.String(), package_id: Type.String(), starts_at: Type.String(), ends_at: OrNull(Type.String()),
  is_active: Type.Boolean(),
});

const ENDPOINTS = '/api/admin/feature-endpoints';
const PACKAGES = '/api/admin/packages';
const SUBSCRIPTIONS = '/api/admin/subscriptions';

const admin = allow('admin');
const errors = ['conflict', 'ledger_unavailable'] as const;
const found = [...errors, 'not_found'] as const;
const params = { id: Type.String() };

/** Features, packages and subscriptions, for administrators. */
export function featureRoutes(add: AddRoute, deps: FeatureRouteDeps): void {
  endpointRoutes(add, deps);
  packageRoutes(add, deps);
  subscriptionRoutes(add, deps);
}

function endpointRoutes(add: AddRoute, { features }: FeatureRouteDeps): void {
  add('GET', ENDPOINTS, admin, { summary: 'All feature endpoints', replies: { 200: Type.Array(Endpoint) }, errors }, async (ctx) => {
    reply(ctx, 200, (await features.endpoints()).map(presentEndpoint));
  });
  add('POST', ENDPOINTS, admin, {
    summary: 'Add a feature endpoint', body: endpointBody, replies: { 201: Endpoint }, errors,
  }, async (ctx, { body }) => {
    reply(ctx, 201, presentEndpoint(await features.addEndpoint(toEndpoint(body))));
  });
  add('PATCH', `${ENDPOINTS}/:id`, admin, {
    summary: 'Change a feature endpoint', params, body: endpointChanges, replies: { 200: Endpoint }, errors: found,
  }, async (ctx, { body }) => {
    assertSameId(body, idOf(ctx));
    reply(ctx, 200, presentEndpoint(await features.changeEndpoint(idOf(ctx), toEndpointChanges(body))));
  });
  add('DELETE', `${ENDPOINTS}/:id`, admin, {
    summary: 'Remove a feature endpoint; usage of running processes is still charged', params, replies: { 204: Type.Null() },
    errors: found,
  }, async (ctx) => {
    await features.removeEndpoint(idOf(ctx));
    ctx.status = 204;
  });
}

function packageRoutes(add: AddRoute, { features }: FeatureRouteDeps): void {
  add('GET', PACKAGES, admin, {
    summary: 'All packages with what they include', replies: { 200: Type.Array(Package) }, errors,
  }, async (ctx) => {
    reply(ctx, 200, (await features.packages()).map(presentPackage));
  });
  add('POST', PACKAGES, admin, {
    summary: 'Add a package', body: packageBody, bodyBytesMax: LONG_BODY_BYTES_MAX, replies: { 201: Package }, errors,
  }, async (ctx, { body }) => {
    reply(ctx, 201, presentPackage(await features.addPackage(toPackage(body))));
  });
  add('PATCH', `${PACKAGES}/:id`, admin, {
    summary: 'Change a package; `features` replaces all of them', params, body: packageChanges, replies: { 200: Package },
    bodyBytesMax: LONG_BODY_BYTES_MAX,
    errors: found,
  }, async (ctx, { body }) => {
    assertSameId(body, idOf(ctx));
    reply(ctx, 200, presentPackage(await features.changePackage(idOf(ctx), toPackageChanges(body))));
  });
  add('DELETE', `${PACKAGES}/:id`, admin, {
    summary: 'Remove a package that never had a subscription', params, replies: { 204: Type.Null() }, errors: found,
  }, async (ctx) => {
    await features.removePackage(idOf(ctx));
    ctx.status = 204;
  });
}

function subscriptionRoutes(add: AddRoute, { features, clock }: FeatureRouteDeps): void {
  add('GET', SUBSCRIPTIONS, admin, {
    summary: 'Subscriptions of a user', query: { user_id: AccountId }, replies: { 200: Type.Array(Subscribed) }, errors,
  }, async (ctx) => {
    const userId = ctx.query['user_id'];
    if (typeof userId !== 'string' || !isAccountId(userId)) throw invalid('query.user_id', `user_id ${ACCOUNT_ID_RULE}`);
    reply(ctx, 200, (await features.subscriptions(userId)).map(presentSubscription));
  });
  add('POST', SUBSCRIPTIONS, admin, {
    summary: 'Subscribe a user to a package', body: subscriptionBody, replies: { 201: Subscribed }, errors,
  }, async (ctx, { body }) => {
    const startsAtMs = timeOf(body.starts_at, 'body.starts_at') ?? clock();
    const endsAtMs = timeOf(body.ends_at, 'body.ends_at');
    if (endsAtMs !== null && endsAtMs <= startsAtMs) throw invalid('body.ends_at', 'ends_at must be after starts_at');
    reply(ctx, 201, presentSubscription(await features.subscribe({
      accountId: body.user_id, packageId: body.package_id.toLowerCase(), startsAtMs, endsAtMs,
    })));
  });
  add('DELETE', `${SUBSCRIPTIONS}/:id`, admin, {
    summary: 'End a subscription now', params, replies: { 200: Subscribed }, errors: found,
  }, async (ctx) => {
    reply(ctx, 200, presentSubscription(await features.unsubscribe(idOf(ctx))));
  });
}

/** A text that is not an id gets 404. */
function idOf(ctx: GatewayContext): string {
  const id = ctx.params?.['id'] ?? '';
  if (!isHexId(id)) throw new GatewayError('not_found', 'Not found');
  return id.toLowerCase();
}

function timeOf(value: string | null | undefined, path: string): number | null {
  if (value === undefined || value === null) return null;
  const ms = Date.parse(value);
  if (Number.isNaN(ms)) throw invalid(path, 'must be a time, such as 2030-01-01T00:00:00Z');
  return ms;
}

const presentSubscription = ({ subscriptionId, accountId, packageId, startsAtMs, endsAtMs, isActive }: Subscription) => ({
  _id: subscriptionId, user_id: accountId, package_id: packageId, starts_at: new Date(startsAtMs).toISOString(),
  ends_at: endsAtMs === null ? null : new Date(endsAtMs).toISOString(), is_active: isActive,
});
