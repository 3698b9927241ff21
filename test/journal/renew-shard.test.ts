import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { renewShard } from '../../src/journal/renew-shard.js';
import { readLeftBehind } from '../../src/journal/loss-accounts.table.js';
import { readLosses } from '../../src/journal/shard-losses.table.js';
import { contradictions, drainLab, type DrainLab } from './drain-lab.js';
import { forged } from './simulated-account.js';

let lab: DrainLab;
beforeAll(async () => { lab = await drainLab(); });
afterAll(async () => { await lab.close(); });

const renew = () => renewShard({ db: lab.db, redis: lab.sharded, keys: lab.keys }, { shard: 0, reason: 'Postgres is right', actor: 'ops' });

test('a forked shard goes on in a new epoch, and what the fork had is kept and told', async () => {
  const forkedAccount = lab.account(0);
  const bystander = lab.account(0);
  const fork = forkedAccount.grant('l1', 100);
  await lab.write(forkedAccount, fork);
  await lab.drain([0]);
  expect(await renew()).toEqual({ status: 'not_stopped' });

  await lab.write(forkedAccount, forged(fork, { granted: '101', available: '101', available_after: '101' }));
  const left = await lab.write(bystander, bystander.grant('l1', 50), bystander.debit('charge', 20));
  await lab.write(bystander, forged(bystander.debit('charge', 1), { kind: 'mystery' }));
  expect(await lab.drain([0])).toMatchObject({ stopped: [{ shard: 0 }] });
  await lab.redis.set(lab.keys.fence(0), 'open');

  const { epoch } = await lab.shard(0);
  expect(await renew()).toMatchObject({
    status: 'renewed', epoch: epoch + 1, entries: 4, unreadable: 1,
    accounts: [
      { accountId: bystander.accountId, entries: 2, granted: 50, captured: 20, available: 30 },
      { accountId: forkedAccount.accountId, entries: 1, granted: 101, captured: 0, available: 101 },
    ],
  });
  // No script runs in the old epoch any more, and processes open the shard again.
  expect(await lab.redis.exists(lab.keys.fence(0))).toBe(0);
  expect(await lab.shard(0)).toMatchObject({ epoch: epoch + 1, lastId: '0-0', stoppedReason: null });
  expect(await lab.rows('select stream_id from quarantine where account_id = ? order by stream_id', [bystander.accountId]))
    .toEqual(left.map((stream_id) => ({ stream_id })));
  expect(await readLosses(lab.db, { all: false, limit: 10 })).toMatchObject([
    { shard: 0, epoch, entries: 4, accounts: { [bystander.accountId]: 2, [forkedAccount.accountId]: 1 }, reason: null, kind: 'left_behind',
      unreadable: 1, accountCount: 2 },
  ]);
  expect(await readLeftBehind(lab.db, 0, epoch)).toEqual([
    { accountId: bystander.accountId, entries: 2, granted: 50, captured: 20, available: 30 },
    { accountId: forkedAccount.accountId, entries: 1, granted: 101, captured: 0, available: 101 },
  ]);
  expect(await lab.rows('select actor, reason from shard_resumes')).toEqual([{ actor: 'ops', reason: 'Postgres is right' }]);

  // The accounts go on from what Postgres has.
  await lab.write(forkedAccount, forkedAccount.debit('charge', 7));
  expect(await lab.drain([0])).toMatchObject({ entries: 1, stopped: [] });
  expect(await contradictions(lab)).toEqual([]);
});
