import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { send } from '../../support/fake-gateway.js';
import { volume } from '../../support/volume.js';
import { nativeLab, type NativeLab } from './lab.js';

/** A token of the output of gpt-4o costs 10 micros in the lab. */
const TOKEN_MICROS = 10;
const LEASES = 200;
const STREAM_TOKENS = volume(40, 300);
const CHUNK_TOKENS = 7;
const HEADROOM_TOKENS = 10;

let lab: NativeLab;
beforeAll(async () => { lab = await nativeLab(); });
afterAll(async () => { await lab.stop(); });

type Lease = { readonly amount: string; readonly final: boolean; readonly stopAtTokens: number };

test('200 streams share a balance for half of each: every one is told that it is the last grant, and none exceeds it', async () => {
  const account = await lab.funded(String(LEASES * STREAM_TOKENS * TOKEN_MICROS / 2 / 1_000_000), 'share');
  const token = await lab.gateway.token({ sub: account, role: 'user' });
  const call = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const answer = await send(`${lab.gateway.url}/v1/holds${path}`, 'POST', { token, body });
    if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  };
  const streams = await Promise.all(Array.from({ length: LEASES }, async (_, index) => ({
    id: `stream-${index}`, sent: 0, sawFinal: false,
    lease: await call('', {
      id: `stream-${index}`, price: { model: 'gpt-4o', maxOutputTokens: HEADROOM_TOKENS }, leaseSeconds: 3_600,
    }) as Lease,
  })));

  /** What a proxy does with each chunk: send what is granted, report, stop at the last grant. True: goes on. */
  const step = async (stream: (typeof streams)[number]): Promise<boolean> => {
    stream.sent = Math.min(stream.sent + CHUNK_TOKENS, stream.lease.stopAtTokens, STREAM_TOKENS);
    if (stream.lease.final && stream.sent === stream.lease.stopAtTokens) {
      stream.sawFinal = true;
      return false;
    }
    stream.lease = await call(`/${stream.id}/progress`, {
      usage: { outputTokens: stream.sent }, extend: { headroomTokens: HEADROOM_TOKENS },
    }) as Lease;
    return stream.sent < STREAM_TOKENS;
  };
  for (let going = streams; going.length > 0;) {
    const goesOn = await Promise.all(going.map(step));
    going = going.filter((_, index) => goesOn[index] === true);
  }

  expect(streams.filter(({ sawFinal }) => !sawFinal)).toEqual([]);
  expect(streams.every(({ sent, lease }) => sent < STREAM_TOKENS && sent * TOKEN_MICROS <= Number(lease.amount) * 1_000_000)).toBe(true);
  const ends = await Promise.all(streams.map(({ id, sent }) =>
    call(`/${id}/settle`, { usage: { outputTokens: sent }, reason: 'cut_off' })));
  expect(ends.every(({ captured, amount, uncollected }) => Number(captured) <= Number(amount) && uncollected === '0')).toBe(true);
  expect((await lab.operator('GET', `/v1/accounts/${account}`)).body).toMatchObject({ available: '0', held: '0', debt: '0' });
});
