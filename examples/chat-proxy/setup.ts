import { CreditGateway, GatewayError, isUnavailable } from '../../clients/typescript/src/index.js';

/** Makes a gateway ready for the demo: an API key, a price for the model, credits for the account. */

export type Wanted = {
  readonly url: string; readonly adminToken: string; readonly model: string; readonly account: string; readonly credits: string;
};

const KEY_NAME = 'chat-demo';
/** Operators say why they change something. */
const WHY = { reason: 'demo' };
const DAY_MS = 86_400_000;
/** It either runs on this machine or it does not. */
const DEADLINE_MS = 5_000;
/** Credits per million tokens: a made-up answer of a hundred tokens costs two credits. */
export const PRICES = { input: '2000', cachedRead: '1000', output: '20000' };

/** @throws Error when the gateway does not run, or refuses */
export async function prepareGateway(wanted: Wanted): Promise<{ readonly apiKey: string; readonly revoke: () => Promise<void> }> {
  const { url, adminToken, model, account, credits } = wanted;
  const gateway = new CreditGateway({ baseUrl: url, apiKey: adminToken, deadlineMs: DEADLINE_MS });
  try {
    // The key of a demo that was killed is of no use: it was told once, to a process that is gone.
    const { data: keys } = await gateway.apiKeys.list();
    for (const { id, name, revokedAt } of keys) if (name === KEY_NAME && revokedAt === null) await gateway.apiKeys.revoke(id, WHY);
    const { id, key } = await gateway.apiKeys.create({
      ...WHY, name: KEY_NAME, scopes: ['holds', 'grants', 'read'], expiresAt: new Date(Date.now() + DAY_MS).toISOString(),
    });

    const { data: prices } = await gateway.prices.list('native', { model });
    if (prices.length === 0) await gateway.prices.set('native', { ...WHY, model, prices: PRICES });

    const { available } = await gateway.accounts.get(account).catch((error: unknown) => {
      if (error instanceof GatewayError && error.code === 'account_not_found') return { available: '0' }; // the grant makes it
      throw error;
    });
    if (Number(available) < Number(credits)) await gateway.grants.create({ account, amount: credits, ...WHY });
    return { apiKey: key ?? '', revoke: async () => { await gateway.apiKeys.revoke(id, WHY).catch(() => undefined); } };
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    throw new Error(`There is no gateway at ${url}: start it with npm start in another terminal, and leave it running`, { cause: error });
  }
}
