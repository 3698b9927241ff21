import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { featureAdmin } from '../../../src/credits/features/manage-features.js';
import { seedFeatures } from '../../../src/credits/features/seed-features.js';
import { toEndpoint } from '../../../src/edge/v1/feature-fields.js';
import { apiProfile, connectPostgres } from '../../../src/stores/postgres/connect.js';
import { creditsLab, type Lab } from '../../contract/credits-process/lab.js';

/** Permissions: packages, subscriptions, minimums, and no permission without a package. */
let lab: Lab;
beforeAll(async () => { lab = await creditsLab(); });
afterAll(async () => { await lab.stop(); });

const randomHex = (): string => randomBytes(12).toString('hex');
const idOf = (body: Record<string, unknown>): string => body['_id'] as string;
const startOf = async (user: string, value: string) =>
  (await lab.post('/api/credits-process/start', { user_id: user, feature_endpoint_value: value })).body.data;
const NOT_INCLUDED = 'Your current subscription does not include this feature.';

async function addEndpoint(value: string, feature: string, minimum: number): Promise<string> {
  const { status, body } = await lab.admin('POST', '/api/admin/feature-endpoints', { feature, name: value, value, min_credits: minimum });
  expect(status).toBe(201);
  return idOf(body);
}
async function addPackage(name: string, features: readonly object[]): Promise<string> {
  const { status, body } = await lab.admin('POST', '/api/admin/packages', { name, features });
  expect(status).toBe(201);
  return idOf(body);
}
const subscribe = async (user: string, packageId: string, more: object = {}) =>
  lab.admin('POST', '/api/admin/subscriptions', { user_id: user, package_id: packageId, ...more });

test('a feature that the package does not name is refused, with the real balance; an empty list names nothing', async () => {
  const [user, subscriber] = [lab.user(), lab.user()];
  await addEndpoint('video_v1', 'video', 1);
  for (const each of [user, subscriber]) await lab.grant(each, 77);
  await subscribe(subscriber, await addPackage('Empty', []));
  expect(await startOf(user, 'video_v1')).toEqual({
    user_id: user, status: 'not-accessible', message: NOT_INCLUDED, credits: 77, config: null,
  });
  for (const value of ['video_v1', 'ai_chat_v1']) {
    expect(await startOf(subscriber, value)).toMatchObject({ status: 'not-accessible', message: NOT_INCLUDED, credits: 77 });
  }
});

test('a subscription opens features, from its start to its end; then the initial package is what is left', async () => {
  const user = lab.user();
  await lab.grant(user, 1_000);
  await addEndpoint('images_v1', 'images', 5);
  const images = await addPackage('Images', [{ feature: 'images', config: { size: 'large' } }]);
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  await subscribe(user, images, { starts_at: soon });
  expect(await startOf(user, 'images_v1')).toMatchObject({ status: 'not-accessible' });
  const { body } = await subscribe(user, images);
  expect(await startOf(user, 'images_v1')).toMatchObject({ status: 'accessible', config: { size: 'large' } });
  expect(await startOf(user, 'ai_chat_v1')).toMatchObject({ message: NOT_INCLUDED });
  expect((await lab.admin('DELETE', `/api/admin/subscriptions/${idOf(body)}`)).status).toBe(200);
  expect(await startOf(user, 'images_v1')).toMatchObject({ message: NOT_INCLUDED });
  expect(await startOf(user, 'ai_chat_v1')).toMatchObject({ status: 'accessible' });
  expect((await lab.admin('GET', `/api/admin/subscriptions?user_id=${user}`)).body).toHaveLength(2);
});

test('minimums: of the endpoint in the package, else of its feature there, else its own', async () => {
  const [one, two] = [await addEndpoint('min_one', 'minimums', 5), await addEndpoint('min_two', 'minimums', 5)];
  expect(two).toMatch(/^[0-9a-f]{24}$/);
  const minimums = await addPackage('Minimums', [
    { feature: 'minimums', min_credits: 40 }, { feature: 'minimums', feature_endpoint_id: one, min_credits: '60.5' },
  ]);
  const user = lab.user();
  await lab.grant(user, 50);
  await subscribe(user, minimums);
  expect(await startOf(user, 'min_one')).toMatchObject({
    status: 'not-accessible', message: 'Insufficient credits. Required: 60.5, Available: 50',
  });
  expect(await startOf(user, 'min_two')).toMatchObject({ status: 'accessible' });
  expect(await lab.balance(user)).toBe(10);
  await lab.admin('PATCH', `/api/admin/packages/${minimums}`, { features: [{ feature: 'minimums', feature_endpoint_id: two }] });
  expect(await startOf(user, 'min_two')).toMatchObject({ status: 'accessible' });
  expect(await startOf(user, 'min_one')).toMatchObject({ message: NOT_INCLUDED });
});

test('ids that callers have already are kept, once each, and an id may be the value of another endpoint', async () => {
  const [id, taken, pack] = [randomHex(), randomHex(), randomHex()];
  const post = (path: string, body: object) => lab.admin('POST', `/api/admin/${path}`, body);
  const endpoint = { feature: 'kept', name: 'kept', value: `kept-${id}` };
  expect((await post('feature-endpoints', { ...endpoint, _id: id.toUpperCase() })).body).toMatchObject({ _id: id, value: endpoint.value });
  const again = await post('feature-endpoints', { ...endpoint, value: 'another', _id: id });
  expect([again.status, again.body['message']]).toEqual([409, 'another feature endpoint has this _id']);
  expect((await post('feature-endpoints', { ...endpoint, _id: 'ai_chat_v1' })).body['sources'])
    .toEqual([{ path: 'body._id', message: 'must be 24 hexadecimal digits' }]);
  expect((await lab.admin('PATCH', `/api/admin/feature-endpoints/${id}`, { _id: taken })).status).toBe(400);
  expect((await post('packages', { _id: pack, name: pack, features: [{ feature: 'kept' }] })).body).toMatchObject({ _id: pack });
  expect((await post('packages', { _id: pack, name: 'another' })).status).toBe(409);

  const user = lab.user();
  await subscribe(user, pack);
  await lab.grant(user, 10);
  const start = (named: object) => lab.post('/api/credits-process/start', { user_id: user, ...named });
  expect((await start({ feature_endpoint_id: id })).body.data.status).toBe('accessible');
  // An id that looks like one and is the value of an endpoint.
  await post('feature-endpoints', { ...endpoint, value: taken });
  expect((await start({ feature_endpoint_id: taken.toUpperCase() })).body.data.status).toBe('accessible');
  const ended = await lab.post('/api/credits-process/end', { user_id: user, feature_endpoint_id: taken, output_tokens: 1 });
  expect(ended.status).toBe(200);
  // A deleted endpoint comes back under its id.
  expect((await lab.admin('DELETE', `/api/admin/feature-endpoints/${id}`)).status).toBe(204);
  expect((await post('feature-endpoints', { ...endpoint, _id: id })).status).toBe(201);
});

test('a seed keeps its ids: seeding twice is seeding once, and another endpoint with the value is a conflict', async () => {
  const db = connectPostgres(lab.gateway.databaseUrl, apiProfile(5_000));
  const [id, value] = [randomHex(), `seeded-${randomHex()}`];
  const endpoint = toEndpoint({ _id: id, feature: 'seeded', name: 'first', value });
  await seedFeatures(db, { endpoints: [endpoint], packages: [] });
  await seedFeatures(db, { endpoints: [{ ...endpoint, name: 'second' }], packages: [] });
  const listed = (await featureAdmin(db).endpoints()).filter((each) => each.feature === 'seeded');
  expect(listed).toMatchObject([{ endpointId: id, name: 'second', value }]);
  await expect(seedFeatures(db, { endpoints: [{ ...endpoint, id: randomHex() }], packages: [] }))
    .rejects.toMatchObject({ code: 'conflict' });
  await db.destroy();
});

test('an inactive or deleted endpoint starts nothing, but what has run is charged', async () => {
  const user = lab.user();
  await lab.grant(user, 1_000);
  const id = await addEndpoint('ending', 'ai_chat', 1);
  const key = (await startOf(user, 'ENDING ')).usage_key;
  expect((await lab.admin('PATCH', `/api/admin/feature-endpoints/${id}`, { is_active: false })).body).toMatchObject({
    is_active: false, value: 'ending',
  });
  expect(await startOf(user, 'ending')).toMatchObject({ status: 'not-accessible', message: 'Feature endpoint not found' });
  expect((await lab.admin('DELETE', `/api/admin/feature-endpoints/${id}`)).status).toBe(204);
  const ended = await lab.post('/api/credits-process/end', { user_id: user, usage_key: key, feature_endpoint_id: id, output_tokens: 460 });
  expect([ended.status, ended.body.data.credits]).toEqual([200, 885]);
});

test('administration: values are unique, packages keep what they are needed for, and only administrators come in', async () => {
  const again = await lab.admin('POST', '/api/admin/feature-endpoints', { feature: 'x', name: 'x', value: ' AI_Chat_V1 ' });
  expect([again.status, again.body['message']]).toEqual([409, 'another feature endpoint has this value']);
  const used = await addPackage('Used', []);
  await subscribe(lab.user(), used);
  expect((await lab.admin('DELETE', `/api/admin/packages/${used}`)).status).toBe(409);
  expect((await lab.admin('DELETE', `/api/admin/packages/${await addPackage('Unused', [])}`)).status).toBe(204);
  expect((await subscribe(lab.user(), 'f'.repeat(24))).status).toBe(409);
  for (const path of ['feature-endpoints/zzz', `packages/${'e'.repeat(24)}`, `subscriptions/${'e'.repeat(24)}`]) {
    expect((await lab.admin('DELETE', `/api/admin/${path}`)).status).toBe(404);
  }
  expect((await lab.admin('POST', '/api/admin/feature-endpoints', { feature: 'x', name: 'x', value: 'y', min_credits: -1 })).status)
    .toBe(400);
  const token = await lab.gateway.token({ sub: 'mallory', role: 'supervisor' });
  for (const path of ['feature-endpoints', 'packages', 'subscriptions', 'server-keys']) {
    expect((await fetch(`${lab.gateway.url}/api/admin/${path}`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(403);
  }
});

test('a new initial package takes the place of the old one', async () => {
  const user = lab.user();
  await lab.grant(user, 100);
  await addEndpoint('fresh_v1', 'fresh', 1);
  const { body } = await lab.admin('POST', '/api/admin/packages', { name: 'Fresh', is_initial: true, features: [{ feature: 'fresh' }] });
  expect(await startOf(user, 'fresh_v1')).toMatchObject({ status: 'accessible' });
  expect(await startOf(user, 'ai_chat_v1')).toMatchObject({ message: NOT_INCLUDED });
  await lab.admin('PATCH', `/api/admin/packages/${idOf(body)}`, { is_active: false });
  expect(await startOf(user, 'fresh_v1')).toMatchObject({ message: NOT_INCLUDED });
});
