import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { connectPostgres, drainProfile, type Db, type Trx } from '../../../src/stores/postgres/connect.js';
import { copyInto } from '../../../src/stores/postgres/copy.js';
import { toMs } from '../../../src/stores/postgres/unnest.js';
import { freshDatabase, type FreshDatabase } from '../../support/servers.js';

type Row = {
  readonly id: number; readonly word: string | null; readonly isTrue: boolean; readonly big: string; readonly atMs: number | null;
};

const row = (id: number, more: Partial<Row> = {}): Row => ({ id, word: 'word', isTrue: false, big: '0', atMs: 0, ...more });

const copyRows = copyInto<Row>('copied', {
  word: ['text', ({ word }) => word],
  id: ['bigint', ({ id }) => id],
  truth: ['boolean', ({ isTrue }) => isTrue],
  big: ['numeric', ({ big }) => big],
  at_ms: ['double precision', ({ atMs }) => atMs],
}, ['at_ms']);

describe('rows by COPY', () => {
  let database: FreshDatabase;
  let db: Db;
  const stored = async (): Promise<Row[]> => {
    const { rows } = await db.raw<{ rows: Row[] }>(
      `select id, word, truth as "isTrue", big::text, ${toMs('at')} as "atMs" from copied order by id`);
    return rows;
  };

  beforeAll(async () => {
    database = await freshDatabase();
    db = connectPostgres(database.ownerUrl, drainProfile(5_000));
    await db.raw('create table copied (id bigint primary key, word text, truth boolean, big numeric, at timestamptz check (id < 100))');
  });
  beforeEach(async () => { await db.raw('truncate copied'); });
  afterAll(async () => {
    await db.destroy();
    await database.drop();
  });

  test('are stored as they are, whatever text they have', async () => {
    const words = [
      '', '\\', '\\.', '\\N', 'NULL', '\t', 'a\nb', '\r\n', '\\t', '\b\f\v', '"quoted"', `'`, '{1,2}', 'é€😀', '  ',
      'line\\\nline', null,
    ];
    const rows = words.map((word, id) => row(id, { word, isTrue: id % 2 === 0, big: `${id}${'0'.repeat(30)}`.replace(/^0+$/, '0') }));
    await db.transaction((trx) => copyRows(trx, rows));
    expect(await stored()).toEqual(rows);
  });

  test('have times to the millisecond, in any year', async () => {
    const times = ['1970-01-01T00:00:00.001Z', '2026-11-30T16:03:14.999Z', '9999-12-31T23:59:59.999Z', '+012345-06-07T08:09:10.111Z'];
    const rows = [...times.map((time, id) => row(id, { atMs: Date.parse(time) })), row(50, { atMs: null })];
    await db.transaction((trx) => copyRows(trx, rows));
    expect(await stored()).toEqual(rows);
    await expect(db.transaction((trx) => copyRows(trx, [row(1, { atMs: NaN })]))).rejects.toThrow(RangeError);
  });

  test('are written in the order in which copies and statements were started, without waiting', async () => {
    await db.transaction((trx) => Promise.all([
      copyRows(trx, [row(1), row(2)]), trx.raw(`update copied set word = 'changed' where id = 1`), copyRows(trx, [row(3)]),
      copyRows(trx, []),
    ]));
    expect((await stored()).map(({ id, word }) => [id, word])).toEqual([[1, 'changed'], [2, 'word'], [3, 'word']]);
  });

  test.each<[string, Row[], string]>([
    ['a constraint', [row(5), row(100)], '23514'],
    ['a key that is there', [row(5), row(5)], '23505'],
    ['text that cannot be stored', [row(5), row(6, { word: 'a\0b' })], '22021'],
    ['a value of another type', [row(5), row(6, { big: 'many' })], '22P02'],
  ])('%s fails the copy, what is behind it, and nothing else on the connection', async (_, rows, code) => {
    const failed = await db.transaction(async (trx) => {
      const [first, second] = await Promise.allSettled([copyRows(trx, rows), copyRows(trx, [row(7)])]);
      expect([first, second]).toMatchObject([{ reason: { code } }, { reason: { code: '25P02' } }]);
      if (first.status === 'rejected') throw first.reason;
    }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code });
    expect(await stored()).toEqual([]);
    await db.transaction((trx) => copyRows(trx, [row(8)]));
    expect(await stored()).toEqual([row(8)]);
  });

  test('are refused when the transaction has ended: its connection may have another one', async () => {
    const ended: Trx[] = [];
    await db.transaction(async (trx) => { ended.push(trx); await trx.raw('select 1'); });
    for (const trx of ended) await expect(copyRows(trx, [row(1)])).rejects.toThrow('has ended');
    expect(ended).toHaveLength(1);
    expect(await stored()).toEqual([]);
  });
});
