import { expect } from '@jest/globals';
import type { Lab } from './lab.js';

/** What a gateway in use has, for pages that have something to show. */

/** An account with credits, some holds and ledger entries. */
export async function busyAccount({ api }: Lab): Promise<void> {
  await api('root', 'POST', '/api/credits/allocate', { userId: 'alice', credits: 100, notes: 'welcome' }, 'admin');
  await api('root', 'POST', '/api/credits/allocate', { userId: 'alice', credits: 25.5, expiryDays: 7, notes: 'promotion' }, 'admin');
  for (const [index, tokens] of [1_500, 2_000, 800].entries()) await api('alice', 'POST', '/api/streaming-sessions/initialize', {
    sessionId: `message-${index + 1}`, modelId: 'gpt-4', estimatedTokens: tokens,
  });
  await api('alice', 'POST', '/api/streaming-sessions/finalize', { sessionId: 'message-1', actualTokens: 1_200 });
  await api('alice', 'POST', '/api/credits/deduct', { credits: 3.25 });
  await api('alice', 'POST', '/api/usage/record', { service: 'image', operation: 'generate', credits: 4 });
}

/** Users who chat with several models, one of which has no price; one user has too few credits. */
export async function busyHouse({ api }: Lab): Promise<void> {
  const chats = [
    ['bob', 'gpt-4', 4_000], ['bob', 'anthropic.claude-3-sonnet-20240229-v1:0', 2_500], ['carol', 'amazon.nova-lite-v1:0', 9_000],
    ['carol', 'gpt-3.5-turbo', 12_000], ['dave', 'gpt-4', 3_000], ['dave', 'anthropic.claude-3-sonnet-20240229-v1:0', 1_800],
    ['bob', 'gpt-3.5-turbo', 6_000],
  ] as const;
  await Promise.all([
    ...['bob', 'carol', 'dave'].map((userId) => [userId, 400] as const), ['erin', 2] as const,
  ].map(([userId, credits]) => api('root', 'POST', '/api/credits/allocate', { userId, credits }, 'admin')));
  await Promise.all(chats.map(async ([sub, modelId, tokens], index) => {
    await api(sub, 'POST', '/api/streaming-sessions/initialize', { sessionId: `chat-${index}`, modelId, estimatedTokens: tokens });
    await api(sub, 'POST', '/api/streaming-sessions/finalize', { sessionId: `chat-${index}`, actualTokens: tokens });
  }));
  await Promise.all(['bob', 'carol', 'dave', 'dave'].map((sub, index) => api(sub, 'POST', '/api/streaming-sessions/initialize', {
    sessionId: `writing-${index}`, modelId: 'amazon.nova-lite-v1:0', estimatedTokens: 3_000,
  })));
  await Promise.all(Array.from({ length: 14 }, (_, index) =>
    api('erin', 'POST', '/api/streaming-sessions/initialize', { sessionId: `try-${index}`, modelId: 'gpt-4', estimatedTokens: 2_000 })));
  await Promise.all(['dave', 'erin', 'erin'].map((sub) => api(sub, 'POST', '/api/credits/check', { credits: 5_000 })));
}

/** One of each thing that administrators set up. Answers the id of the webhook, which nothing listens to. */
export async function furnish({ api }: Lab): Promise<string> {
  const put = async (method: string, path: string, body: object): Promise<Readonly<Record<string, unknown>>> => {
    const answer = await api('root', method, path, { reason: 'a test', ...body }, 'admin');
    expect([path, answer.status < 300]).toEqual([path, true]);
    return answer.body;
  };
  await put('PUT', '/v1/accounts/alice/limits/daily', { amount: '50', period: 'day' });
  await put('PUT', '/v1/accounts/alice/limits/gpt-4-hourly', { amount: '5', period: 'hour', mode: 'warn', match: { model: 'gpt-4' } });
  await put('PUT', '/v1/accounts/bob/members/dave', {});
  await put('PUT', '/v1/accounts/bob/members/erin', {});
  await put('PUT', '/v1/plans/pro', { name: 'Pro', credits: '100', period: 'month' });
  await put('PUT', '/v1/account-plans/carol', { plan: 'pro' });
  await put('PUT', '/v1/prices/native', {
    provider: 'openai', model: 'gpt-5', prices: { input: '1.25', output: '10', cachedRead: '0.125' },
  });
  await put('PUT', '/v1/prices/native', {
    provider: 'openai', model: 'gpt-5', prices: { input: '1.5', output: '12', cachedRead: '0.15' }, effectiveFrom: '2030-01-01T00:00:00Z',
  });
  await put('POST', '/api/admin/feature-endpoints', { feature: 'ai_chat', name: 'AI chat', value: 'ai_chat_v1', min_credits: 10 });
  await put('POST', '/api/admin/packages', { name: 'Free', is_initial: true, features: [{ feature: 'ai_chat' }] });
  await put('POST', '/v1/api-keys', { name: 'chat-proxy', scopes: ['holds', 'charges', 'read'] });
  const { id } = await put('POST', '/v1/webhooks', {
    url: 'http://127.0.0.1:9/credits', description: 'billing', events: ['account.frozen'],
  });
  await put('POST', '/v1/accounts/carol/freeze', {});
  return String(id);
}
