import type { ChatProxy } from '../support/chat-proxy.js';
import { randomOf, type Random } from '../support/random.js';

export type Load = {
  /** Stops after the operations in progress; throws the first error of the load. */
  stop(): Promise<void>;
};

const MODELS = ['gpt-4', 'amazon.nova-lite-v1:0', 'anthropic.claude-3-sonnet-20240229-v1:0'];
/** Bounds a load that is never stopped. */
const ROUNDS_MAX = 5_000;

/** Runs callers, `width` at a time, that use every operation of a proxy, until stopped. */
export function startLoad(proxy: ChatProxy, accounts: readonly string[], width: number, seed: number): Load {
  let isStopped = false;
  const caller = async (random: Random): Promise<void> => {
    for (let round = 0; round < ROUNDS_MAX && !isStopped; round += 1) await act(proxy, random, random.pick(accounts));
  };
  const callers = Promise.all(Array.from({ length: width }, (_, index) => caller(randomOf(seed + index))));
  callers.catch(() => undefined); // `stop` rethrows it
  return {
    async stop() {
      isStopped = true;
      await callers;
    },
  };
}

async function act(proxy: ChatProxy, random: Random, accountId: string): Promise<void> {
  const sent = { isDoubled: random.chance(0.1) };
  switch (random.integer(0, 9)) {
    case 0: return proxy.grant(accountId, random.integer(1, 40) + 0.5, random.pick([1, 30]), sent);
    case 1: return proxy.charge(accountId, random.integer(1, 2_000_000) / 1_000_000, false);
    case 2: return proxy.charge(accountId, random.integer(1, 2_000_000) / 1_000_000, true, sent);
    case 3: await proxy.balance(accountId); return;
    default: return session(proxy, random, accountId);
  }
}

/** One session in eight is abandoned, one in eight costs more than its hold. */
async function session(proxy: ChatProxy, random: Random, accountId: string): Promise<void> {
  const estimatedTokens = random.integer(100, 2_000);
  const opened = await proxy.open(accountId, random.pick(MODELS), estimatedTokens, { isDoubled: random.chance(0.1) });
  const fate = random.integer(0, 7);
  if (opened === null || fate === 0) return;
  const tokens = fate === 1 ? estimatedTokens * 2 : random.integer(0, estimatedTokens);
  await proxy.end(opened, random.pick(['completed', 'failed', 'aborted']), tokens, { isDoubled: random.chance(0.1) });
}
