import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TransactionReason, TransactionType } from '../../../src/books/transaction.js';
import { composeLibrary } from '../../../src/compose/chatsparty.js';
import { openCore, type Core } from '../../../src/compose/core.js';
import { readConfig } from '../../../src/config.js';
import { moneyIn } from '../../../src/credits/grants/money-in.js';
import type { CreditService } from '../../../src/edge/chatsparty/library/credit-service.js';
import type { ModelPricingService } from '../../../src/edge/chatsparty/library/model-pricing-service.js';
import { createLog } from '../../../src/kit/log.js';
import { createMetrics } from '../../../src/kit/metrics/metrics.js';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import type { ShardedRedis } from '../../../src/stores/redis/sharded-redis.js';
import { freshDatabase, redisUrl, type FreshDatabase } from '../../support/servers.js';
import { locationOf, redisSettings, shardedRedis } from '../../support/redis-address.js';

/** The snippets of seed 004, almost as they stand there. */
let database: FreshDatabase;
let core: Core;
let bulkRedis: ShardedRedis;
let creditService: CreditService;
let pricingService: ModelPricingService;
beforeAll(async () => {
  database = await freshDatabase(migrate);
  bulkRedis = await shardedRedis(redisUrl());
  const servers = { redis: locationOf(redisUrl()), databaseUrl: database.databaseUrl };
  const log = createLog({ level: 'silent' });
  core = await openCore({
    config: readConfig({
      ...redisSettings(redisUrl()), DATABASE_URL: servers.databaseUrl, REDIS_NAMESPACE: `l${randomUUID().slice(0, 8)}`,
      SHARDS: '4', REDIS_TIMEOUT_MS: '5000', ROLE: 'worker',
    }),
    servers, time: { clock: Date.now, offsetMs: () => 0 }, log, metrics: createMetrics({ version: 'test', defaults: false }),
    bulkRedis, written: () => undefined,
  });
  const library = composeLibrary({ core, money: moneyIn({ db: core.db, ledger: core.ledger }), clock: Date.now, log });
  creditService = library.credits;
  pricingService = library.pricing;
});
afterAll(async () => {
  await core.close();
  bulkRedis.close();
  await database.drop();
});

const someone = (): string => `user-${randomUUID().slice(0, 8)}`;

describe('Credit Service', () => {
  test('the story of seed 004', async () => {
    const userId = someone();

    // Add credits (e.g., after purchase)
    const added = await creditService.addCredits({
      userId,
      amount: 1000,
      transactionType: TransactionType.PURCHASE,
      reason: TransactionReason.MANUAL_ADJUSTMENT,
      description: 'Credit purchase - Premium plan',
    });
    expect(added).toEqual({ success: true, data: {
      id: expect.any(String), userId, amount: 1000, transactionType: 'PURCHASE', reason: 'MANUAL_ADJUSTMENT',
      description: 'Credit purchase - Premium plan',
      transactionMetadata: null, balanceAfter: 1000, createdAt: expect.any(Date),
    } });

    // Use credits for AI chat
    const transaction = await creditService.useCredits({
      userId,
      amount: 10,
      reason: TransactionReason.AI_CHAT,
      description: 'Chat with GPT-4',
      metadata: {
        modelName: 'gpt-4',
        provider: 'openai',
        conversationId: 'conv123',
      },
    });
    expect(transaction).toEqual({ success: true, data: {
      id: expect.any(String), userId, amount: -10, transactionType: 'USAGE', reason: 'AI_CHAT', description: 'Chat with GPT-4',
      transactionMetadata: { modelName: 'gpt-4', provider: 'openai', conversationId: 'conv123' }, balanceAfter: 990,
      createdAt: expect.any(Date),
    } });

    // Validate credits before usage
    const validation = await creditService.validateCredits(userId, 50);
    expect(validation.data?.hasEnoughCredits).toBe(true);
    expect((await creditService.validateCredits(userId, 5_000)).data).toEqual({
      hasEnoughCredits: false, currentBalance: 990, requiredCredits: 5_000, shortfall: 4_010,
    });

    // Get transaction history
    const history = await creditService.getTransactionHistory({
      userId,
      limit: 20,
      offset: 0,
      orderBy: 'createdAt',
      orderDirection: 'desc',
    });
    expect(history).toEqual({ success: true, data: { transactions: [transaction.data, added.data], total: 2 } });

    // Get user's credit balance
    const balance = await creditService.getCreditBalance(userId);
    expect(balance).toEqual({
      success: true,
      data: { creditsBalance: 990, creditsUsed: 10, creditsPurchased: 1000, creditPlan: null, lastCreditRefillAt: null },
    });

    const statistics = await creditService.getCreditStatistics(userId);
    expect(statistics.data).toMatchObject({
      totalCreditsUsed: 10, totalCreditsPurchased: 1000, currentBalance: 990, transactionCount: 2,
      breakdown: { byType: { PURCHASE: 1000, USAGE: 10 }, byReason: { MANUAL_ADJUSTMENT: 1000, AI_CHAT: 10 } },
    });
  });

  test('of 40 uses of 10 credits at once, 100 credits let exactly ten through (P2, P3)', async () => {
    const userId = someone();
    await creditService.addCredits({
      userId, amount: 100, transactionType: TransactionType.BONUS, reason: TransactionReason.REFERRAL_BONUS,
    });
    const uses = await Promise.all(Array.from({
      length: 40,
    }, () => creditService.useCredits({ userId, amount: 10, reason: TransactionReason.MODEL_USAGE })));
    expect(uses.filter(({ success }) => success)).toHaveLength(10);
    expect(uses.find(({ success }) => !success)).toEqual({ success: false, error: '10 credits needed, 0 available' });
    expect((await creditService.getCreditBalance(userId)).data?.creditsBalance).toBe(0);
  });

  test('the same use under one key is one use', async () => {
    const userId = someone();
    await creditService.addCredits({
      userId, amount: 100, transactionType: TransactionType.PURCHASE, reason: TransactionReason.MANUAL_ADJUSTMENT,
    });
    const use = () => creditService.useCredits({ userId, amount: 10, reason: TransactionReason.AI_CHAT, idempotencyKey: 'message-1' });
    expect(await use()).toEqual(await use());
    expect((await creditService.getCreditBalance(userId)).data?.creditsUsed).toBe(10);
  });

  test('what cannot be done is an error in words, never an exception', async () => {
    const userId = someone();
    const reason = TransactionReason.AI_CHAT;
    expect([
      await creditService.useCredits({ userId, amount: -1, reason }),
      await creditService.useCredits({ userId, amount: Number.NaN, reason }),
      await creditService.validateCredits(userId, 0), await creditService.getCreditBalance('x'.repeat(256)),
      await creditService.getTransactionHistory({ userId, limit: 0 }),
      await creditService.useCredits({ userId, amount: 1, reason, metadata: { text: '\0' } }),
    ].map(({ success, error }) => [success, error])).toEqual([
      [false, 'Invalid amount'], [false, 'Invalid amount'], [false, 'Invalid amount'], [false, 'User not found'],
      [false, 'limit must be a whole number from 1 to 1000'], [false, 'Invalid metadata'],
    ]);
  });
});

describe('Model Pricing Service', () => {
  test('the story of seed 004', async () => {
    // Get pricing for a specific model
    const pricing = await pricingService.getModelPricing('openai', 'gpt-4');
    expect(pricing).toEqual({
      success: true,
      data: { provider: 'openai', modelName: 'gpt-4', costPerMessage: 30, costPer1kTokens: 30, isDefaultModel: false, isActive: true },
    });

    // Calculate cost for usage
    const cost = await pricingService.calculateCost({
      provider: 'openai',
      modelName: 'gpt-4-turbo',
      messageCount: 1,
      tokenCount: 1500,
    });
    expect(cost.data).toMatchObject({ totalCost: 30, breakdown: { messageCost: 10, tokenCost: 20 } });

    // List all active pricing
    const allPricing = await pricingService.listModelPricing({
      isActive: true,
    });
    expect(allPricing.data).toHaveLength(12);
  });

  test.each([
    ['openai', 'gpt-4', 30], ['openai', 'gpt-4-turbo', 10], ['openai', 'gpt-3.5-turbo', 1], ['anthropic', 'claude-3-opus', 60],
    ['anthropic', 'claude-3-sonnet', 15],
    ['anthropic', 'claude-3-haiku', 1], ['google', 'gemini-pro', 5], ['google', 'gemini-pro-vision', 10],
    ['groq', 'mixtral-8x7b', 1], ['groq', 'llama2-70b', 1], ['ollama', 'anything', 1],
  ])('%s %s costs %d a message', async (provider, modelName, perMessage) => {
    expect((await pricingService.calculateCost({ provider, modelName })).data?.totalCost).toBe(perMessage);
  });

  test('prices are set, forgotten and brought back', async () => {
    expect((await pricingService.upsertModelPricing({ provider: 'mine', modelName: 'm', costPerMessage: 2 })).data).toMatchObject({
      costPerMessage: 2, costPer1kTokens: null,
    });
    expect(await pricingService.deleteModelPricing('mine', 'm')).toEqual({ success: true, data: true });
    expect(await pricingService.deleteModelPricing('mine', 'm')).toEqual({ success: true, data: false });
    expect(await pricingService.getModelPricing('mine', 'm')).toEqual({ success: false, error: 'No pricing found for mine:m' });
    expect(await pricingService.initializeDefaultPricing()).toEqual({ success: true });
  });
});
