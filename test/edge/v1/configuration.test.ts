import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Answer } from '../../support/fake-gateway.js';
import { nativeLab, problemOf, type NativeLab } from './lab.js';

/** `ETag` and `If-Match` of what operators configure (docs/contracts/native.md#versions-of-configuration). */
let lab: NativeLab;
beforeAll(async () => { lab = await nativeLab(); });
afterAll(async () => { await lab.stop(); });

type Headers = Record<string, string>;
type Resource = {
  /** Of a resource that does not exist yet. */
  readonly make: () => { readonly read: string; readonly write: string; readonly body: (version: number) => object };
  readonly hasDelete: boolean;
};
const name = (): string => `c${randomUUID().slice(0, 8)}`;

const RESOURCES: readonly (readonly [string, Resource])[] = [
  ['a plan', {
    make: () => {
      const path = `/v1/plans/${name()}`;
      return { read: path, write: path, body: (version) => ({ name: 'Pro', credits: String(version), period: 'month' }) };
    },
    hasDelete: true,
  }],
  ['a limit', {
    make: () => {
      const path = `/v1/accounts/${name()}/limits/daily`;
      return { read: path, write: path, body: (version) => ({ amount: String(version), period: 'day' }) };
    },
    hasDelete: true,
  }],
  ['a price book', {
    make: () => {
      const path = `/v1/prices/${name()}`;
      return { read: path, write: path, body: (version) => ({ model: 'm', prices: { input: String(version) } }) };
    },
    hasDelete: false,
  }],
];

/** What was made is 201 for some, and is as good as 200. */
const done = ({ status }: Answer): number => (status === 201 ? 200 : status);
const etagOf = ({ headers }: Answer): string => headers.get('etag') ?? '';

describe.each(RESOURCES)('%s', (_, { make, hasDelete }) => {
  const put = ({ write, body }: ReturnType<Resource['make']>, version: number, headers: Headers) =>
    lab.operator('PUT', write, body(version), headers);

  test('is changed under the ETag that was read, and not under an older one', async () => {
    const it = make();
    const made = await put(it, 1, {});
    const read = await lab.operator('GET', it.read);
    expect([etagOf(made), read.status]).toEqual([etagOf(read), 200]);
    expect(etagOf(read)).toMatch(/^"[!-~]+"$/);
    const changed = await put(it, 2, { 'If-Match': etagOf(read) });
    expect([changed.status, etagOf(changed) === etagOf(read)]).toEqual([200, false]);
    expect(problemOf(await put(it, 3, { 'If-Match': etagOf(read) }))).toEqual([412, 'precondition_failed', []]);
    expect(etagOf(await lab.operator('GET', it.read))).toBe(etagOf(changed));
    const same = await put(it, 2, { 'If-Match': etagOf(changed) });
    expect([same.status, etagOf(same)]).toEqual([200, etagOf(changed)]);
    expect((await put(it, 3, {})).status).toBe(200);
  });

  test.each<[string, (etag: string) => Headers, number, number]>([
    ['If-Match: *', () => ({ 'If-Match': '*' }), 200, 412],
    ['a list with it', (etag) => ({ 'If-Match': `"a,b", ${etag}` }), 200, 412],
    ['a weak tag, which If-Match never takes', (etag) => ({ 'If-Match': `W/${etag}` }), 412, 412],
    ['another tag', () => ({ 'If-Match': '"*"' }), 412, 412],
    ['If-None-Match: *', () => ({ 'If-None-Match': '*' }), 412, 200],
    ['If-None-Match with another tag', () => ({ 'If-None-Match': '"a"' }), 200, 200],
    ['If-None-Match with the tag, weak', (etag) => ({ 'If-None-Match': `W/${etag}` }), 412, 200],
    ['no entity tag', () => ({ 'If-Match': '7' }), 400, 400],
    ['an entity tag that is not closed', () => ({ 'If-Match': '"7' }), 400, 400],
  ])('%s', async (__, headers, there, absent) => {
    const it = make();
    expect(done(await put(it, 1, headers('"1"')))).toBe(absent);
    const etag = etagOf(await put(it, 1, {}));
    expect(done(await put(it, 2, headers(etag)))).toBe(there);
  });

  test('of changes under one ETag at once, one wins', async () => {
    const it = make();
    const created = await Promise.all([2, 3, 4, 5].map((version) => put(it, version, { 'If-None-Match': '*' })));
    expect(created.map(done).sort()).toEqual([200, 412, 412, 412]);
    const etag = etagOf(await lab.operator('GET', it.read));
    const answers = await Promise.all([6, 7, 8, 9].map((version) => put(it, version, { 'If-Match': etag })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412]);
    const winner = answers.find(({ status }) => status === 200);
    const shown = etagOf(await lab.operator('GET', it.read));
    expect(winner === undefined ? '' : etagOf(winner)).toBe(shown);
  });

  if (hasDelete) {
    test('is removed under the ETag that was read only, and does not get it back', async () => {
      const it = make();
      const first = etagOf(await put(it, 1, {}));
      const second = etagOf(await put(it, 2, {}));
      expect((await lab.operator('DELETE', it.write, undefined, { 'If-Match': first })).status).toBe(412);
      expect((await lab.operator('DELETE', it.write, undefined, { 'If-Match': second })).status).toBe(204);
      const again = await lab.operator('DELETE', it.write, undefined, { 'If-Match': second });
      expect(problemOf(again)).toEqual([412, 'precondition_failed', []]);
      expect([first, second]).not.toContain(etagOf(await put(it, 1, {})));
    });
  }
});

test('the ETag of a book also guards its terms, and changes when a price that waited takes effect', async () => {
  const book = `/v1/prices/${name()}`;
  const first = etagOf(await lab.operator('PUT', book, { model: 'm', prices: { input: '1' } }));
  const terms = (marginPercent: string, etag: string) =>
    lab.operator('PUT', `${book}/terms`, { profitPercents: [marginPercent] }, { 'If-Match': etag });
  expect((await terms('10', first)).body).toEqual({ changed: 1 });
  expect(problemOf(await terms('20', first))).toEqual([412, 'precondition_failed', []]);
  const effectiveFrom = new Date(Date.now() + 3_600_000).toISOString();
  const planned = await lab.operator('PUT', book, { model: 'm', prices: { input: '2' }, effectiveFrom });
  expect(etagOf(await lab.operator('GET', book))).toBe(etagOf(planned));
  lab.gateway.advance(3_600_001);
  expect((await terms('20', etagOf(planned))).status).toBe(412);
  const now = await lab.operator('GET', book);
  expect((now.body['data'] as object[])[0]).toMatchObject({ prices: { input: '2' } });
  expect((await terms('20', etagOf(now))).status).toBe(200);
});
