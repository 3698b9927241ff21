import { TOKEN_WORDS } from './token-words.js';

/** What fields of the legacy routes mean (`words.ts`): first these. Amounts are numbers of credits. */
export const LEGACY_WORDS: Readonly<Record<string, string>> = {
  ...TOKEN_WORDS,
  // Who
  userId: 'the account', user_id: 'the account', targetUserId: 'the account, by its older name', user: 'the account',
  accountId: 'the account', email: 'the e-mail address of the user', username: 'the name of the user',
  sub: 'the subject of the tokens of the user', role: 'the role of the user', UserAccount: 'the user', by: 'who did it',
  'parameter.id': 'which one', 'parameter.user_id': 'the account', 'parameter.keyId': 'the id of the key', 'parameter.amount': 'credits',

  // Balances
  credits: 'credits', totalCredits: 'credits that were granted', remainingCredits: 'credits that are left',
  'reply.totalCredits': 'credits in all', balance: 'credits that can be spent now', spent: 'credits that were charged',
  held: 'credits that open holds keep', debt: 'credits that are owed', creditsBalance: 'credits that can be spent now',
  creditsUsed: 'credits that were charged', lifetime_credits_used: 'credits that were charged',
  creditsPurchased: 'credits that were granted', lifetime_credits_purchased: 'credits that were granted', creditPlan: 'the plan',
  credit_plan: 'the plan', lastCreditRefillAt: 'when the plan granted credits last; null: not yet',
  last_refill_at: 'when the plan granted credits last; null: not yet', activeAllocations: 'grants with credits left',
  currentBalance: 'credits that can be spent now', current_balance: 'credits that can be spent now',
  remainingBalance: 'credits that can be spent after it', previousCredits: 'credits before it', newCredits: 'credits after it',
  adjustment: 'credits that were added; negative: taken away', removedCredits: 'credits that were taken away',
  balanceAfter: 'credits that can be spent after it', balance_after: 'credits that can be spent after it',
  available: 'credits that can be spent now',

  // Checks and costs
  sufficient: 'whether there are enough credits', hasSufficientCredits: 'whether there are enough credits',
  hasEnoughCredits: 'whether there are enough credits', has_sufficient_credits: 'whether there are enough credits',
  requiredCredits: 'credits that were asked for', required_credits: 'credits that were asked for',
  requiredAmount: 'credits that were asked for', difference: 'credits that would be left; negative: missing',
  shortfall: 'credits that are missing', totalCost: 'credits that it costs', messageCost: 'credits that the messages cost',
  tokenCost: 'credits that the tokens cost', messageCount: 'how many messages', tokenCount: 'how many tokens', tokens: 'how many tokens',
  modelPricing: 'the price of the model', costPerMessage: 'credits for one message', costPer1kTokens: 'credits for 1000 tokens',
  isDefaultModel: 'whether it is for models without a price', isActive: 'whether the price applies', modelName: 'the model',
  modelId: 'the model', provider: 'the provider of the model', force: 'true: also a price far from the one before it',
  allowZero: 'true: also a price of 0',

  // Grants and statements
  amount: 'credits', id: 'names it', _id: 'names it', expiryDays: 'how many days the credits last; null: they never expire',
  expiresAt: 'when it ends; null: never', notes: 'your own note', description: 'your own words for it', reason: 'why',
  allocations: 'the grants', allocatedBy: 'who granted it; null: the gateway', allocatedAt: 'when it was granted',
  next: 'where the next page is; null: this was the last', nextCursor: 'ask with it for the next page; null: this was the last',
  transactions: 'the lines of the statement', total: 'how many lines there are', transactionType: 'what happened',
  transaction_type: 'what happened', metadata: 'your own data, as you sent it', transactionMetadata: 'your own data, as you sent it',
  createdAt: 'when it was made', created_at: 'when it was made', updatedAt: 'when it was changed last',
  updated_at: 'when it was changed last', totalCreditsUsed: 'credits that were charged in the period',
  totalCreditsPurchased: 'credits that were granted in the period', transactionCount: 'how many lines the statement of the period has',
  periodStart: 'when the period begins', periodEnd: 'when the period ends', breakdown: 'credits by kind of line',
  byType: 'credits by what happened', 'byType.*': 'credits', byReason: 'credits by reason', 'byReason.*': 'credits',
  message: 'what to show to a person', success: 'whether it was done',

  // Sessions
  sessionId: 'the id of the session', estimatedTokens: 'how many tokens are expected', actualTokens: 'how many tokens were used',
  'body.success': 'false: the stream failed, and nothing is charged', tokensGenerated: 'how many tokens were generated',
  partialCredits: 'credits that the part of the stream cost', refund: 'credits that were given back',
  overageCharged: 'credits that were charged beyond the hold', uncollected: 'credits of usage that nothing paid',
  actualCredits: 'credits that were charged', estimatedCredits: 'credits that the estimate costs',
  allocatedCredits: 'credits that are held', usedCredits: 'credits that were charged', startedAt: 'when it began',
  completedAt: 'when it ended; null: not yet', sessions: 'the sessions', filter: 'what was asked for', minutes: 'how many minutes back',
  timestamp: 'when it happened', status: 'where it stands', activeSessions: 'how many sessions are open',
  totalSessions: 'how many sessions there are',

  // Usage
  service: 'the service', operation: 'what the service did', totalRecords: 'how many records there are',
  uncollectedRecords: 'how many records nothing paid', uncollectedCredits: 'credits of usage that nothing paid',
  byService: 'credits by service', 'byService.*': 'credits', byDay: 'credits by day', 'byDay.*': 'credits', byModel: 'credits by model',
  'byModel.*': 'credits', byUser: 'credits by account', 'byUser.*': 'credits', recentActivity: 'the last records, the newest first',
  'metadata.*': 'a value of yours',

  // The credits process
  data: 'the outcome', usage_key: 'names the process; send it at the end', feature_endpoint_id: 'the id of the feature endpoint',
  feature_endpoint_value: 'the name of the feature endpoint', usages: 'the usage, by model', details: 'how the amount comes about',
  'body.duration': 'a number; ignored', config: 'settings of the feature in the package', 'data.status': 'where it stands',
  'data.credits': 'credits that can be spent now, minus debt', total_cost: 'credits that were charged', cost: 'credits that were charged',
  token: 'how many tokens', price: 'the price, in money', input_credits: 'credits that the prompt costs',
  output_credits: 'credits that the generated tokens cost', input_token_price: 'the price of one token of the prompt, in money',
  output_token_price: 'the price of one generated token, in money', profit_credits_percentage: 'percent that are added to the price',
  profit_credits: 'credits that are added to the price', cost_credits: 'credits that it costs without the profit',
  cost_price: 'the price without the profit, in money', rounding_credits: 'credits that rounding added',
  rounding_price: 'what rounding added, in money', credit_price: 'the price of one credit, in money',
  token_classes: 'what tokens of each class cost', token_class: 'the class of the tokens',
  initial_credits_given: 'whether the account ever got its initial credits', bonus_credits_given: 'whether the bonus was granted',

  // Administration
  feature: 'the feature', name: 'its name', value: 'the name by which servers ask for it', endpoint: 'the path of the feature',
  method: 'the method of the feature', min_credits: 'credits that a start reserves; null: those of the endpoint',
  is_active: 'whether it is in use', is_initial: 'whether new users get it', features: 'what the package includes',
  package_id: 'the id of the package', starts_at: 'when it begins', ends_at: 'when it ends; null: not by itself',
  scopes: 'what the key may do', createdBy: 'who made it',
};
