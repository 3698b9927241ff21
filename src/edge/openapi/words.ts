/**
 * What fields mean, by name: of bodies, answers and parameters whose schema does not say it. `parent.name` is for one place
 * only; `body`, `reply` and `parameter` are the parents of what is outermost. Amounts are credits, as decimal text; times
 * are RFC 3339 in UTC. A field of a number has its unit.
 */
export const WORDS: Readonly<Record<string, string>> = {
  account: 'the account that pays', accountId: 'the account', spender: 'under which name it is spent', amount: 'credits',
  available: 'credits that can be spent now', held: 'credits that open holds keep',
  debt: 'credits that are owed: the next grant pays them first', captured: 'credits that were charged',
  released: 'credits that were given back', expired: 'credits that ended with their lot',
  overage: 'credits that were charged beyond the hold, debt included', uncollected: 'credits of usage that nothing paid',
  reported: 'credits that the usage reported so far costs', remaining: 'credits that are left', granted: 'credits that were granted',
  removed: 'credits that were taken away without usage', availableAfter: 'credits that could be spent after it',
  heldAfter: 'credits that open holds kept after it', debtAfter: 'credits that were owed after it',
  debtPaid: 'credits of it that paid debt', required: 'credits that were asked for', shortBy: 'credits that are missing',
  used: 'credits that are spent or held in the window', totals: 'credits in all, since the account exists',
  late: 'whether it ended after its lease, or charged a difference', leaseEndsAt: 'when the hold ends by itself',
  reportBy: 'report or extend until then', placedAt: 'when it was placed', placedBy: 'the kind of caller: `user`, `service` or `operator`',
  onExpiry: 'what the end of the lease charges', overCapture: 'what pays for usage beyond the hold', changedAt: 'when it was changed last',
  maxHold: 'credits that one hold may reserve; null: no bound of its own',
  debtLimit: 'credits that may be owed; null: no bound of its own', endedAt: 'when it ended; null: not yet', at: 'when it happened',
  createdAt: 'when it was made', createdBy: 'who made it', addedAt: 'when it was added', grantedAt: 'when it was granted',
  expiresAt: 'when it ends; null: never', resetsAt: 'when the window ends and the amount is there again; null: never',
  revokedAt: 'when it was revoked; null: it is valid', lastUsedAt: 'when it was used last, to a minute or so', startedAt: 'when it began',
  effectiveFrom: 'from when on it applies', state: 'where it stands', status: 'where it stands', 'status:number': 'the HTTP status',
  closedAt: 'when nothing was left of it; null: something is', opened: 'whether the entry made the lot',
  reason: 'why, as the caller told it', metadata: 'your own data, as you sent it', 'metadata.*': 'a value of yours', kind: 'what happened',
  'facts.*': 'what the entry tells beyond the amounts', actor: 'who did it; null: the gateway',
  seq: 'the number of the entry in the ledger of the account', entry: 'the number of its entry in the ledger of the account',
  model: 'the model', provider: 'the provider of the model; empty: any', serviceTier: 'the service tier that the price is for',
  price: 'the price that applies', book: 'the price book', version: 'the version of the price', rule: 'how the name led to the price',
  isDefault: 'whether it is the default for models without a price', rate: 'credits for `per` units',
  per: 'how many units the rate is for', tokens: 'how many tokens were used', tokenClass: 'the class of the tokens',
  pricedAs: 'the class whose price stands in; the same class where it has a price',
  aboveInputTokens: 'the length of the prompt, in tokens, above which the price applies', components: 'the parts of the amount',
  margin: 'credits that are added to the price', rounding: 'credits that rounding added', percent: 'percent',
  upTo: 'to what it was rounded up', period: 'the length of the window', window: 'how the window moves',
  mode: 'whether it refuses or warns', match: 'what is counted; absent members match everything', feature: 'the feature',
  key: 'the name of the API key', models: 'the models for which it may be spent', features: 'the features for which it may be spent',
  name: 'its name', scopes: 'what the key may do', accountPrefix: 'the only accounts that it may act on begin with this',
  payer: 'the only account that it may act on', data: 'one page', limits: 'the limits that count it', limit: 'the limit', lots: 'its lots',
  holds: 'its open holds', nextCursor: 'ask with it for the next page; null: this was the last', id: 'names it',
  hold: 'the id of the hold', source: 'where the credits come from', by: 'who did it; null: the gateway', usage: 'the tokens by class',
  usages: 'what each usage costs, by class of token', from: 'the account that gives', to: 'the account that gets',
  refusal: 'why nothing was moved; null: it was, or will be', frozen: 'whether every write is refused',
  freeze: 'who froze it, when and why', passes: 'whether it would pass now', refusedBy: 'what would refuse it; null: nothing',
  changed: 'how many were changed, or whether it was', applied: 'false: it applies when Redis is back',
  corrects: 'the entry that this one corrects', timeZone: 'the time zone of calendar windows, as in `Europe/Berlin`',
  requestId: 'the X-Request-Id of the request', message: 'what to show to a person', note: 'your own note',
  description: 'your own words for it', shard: 'the number of the shard of the journal',

  // Parameters
  'parameter.accountId': 'the account', 'parameter.id': 'which one', 'parameter.reason': 'why; it is kept with the change',
  'parameter.grantId': 'the id of the grant', 'parameter.limitId': 'the name of the limit', 'parameter.keyId': 'the id of the key',
  'parameter.planId': 'the name of the plan', 'parameter.deliveryId': 'the number of the delivery', 'parameter.book': 'the price book',
  'parameter.provider': 'the provider of the model', 'parameter.model': 'the model',

  // Batches
  operations: 'what to do, each with its own `op`', 'body.*': 'as the route of the operation takes it',

  // Usage over time and refusals
  interval: 'how long a row is', start: 'when the row begins', outputTokens: 'how many tokens were generated', minute: 'the minute',
  method: 'the method of the request', route: 'the route that was asked', count: 'how many requests',
  firstAt: 'when the first was refused', lastAt: 'when the last was refused', 'reply.models': 'the models',

  // Events and webhooks
  type: 'what happened', timestamp: 'when it happened', url: 'where events are sent',
  lowBalance: 'credits below which `balance.low` is sent', enabled: 'whether events are sent',
  disabledAt: 'when it was disabled; null: it is enabled', failingSince: 'since when no delivery arrived; null: the last one did',
  webhook: 'the id of the webhook', nextAttemptAt: 'when it is sent next; null: not again', event: 'what is sent',
  answers: 'the attempts and their answers', durationMs: 'how long the answer took, in milliseconds',
  'answers.status': 'the HTTP status; null: no answer',

  // Plans
  plan: 'the name of the plan', 'data.credits': 'credits of a period', credits: 'credits of a period',
  periodSeconds: 'the length of a period in seconds; null: a calendar period', nextPeriod: 'the number of the period that is granted next',
  lastRefillAt: 'when credits were granted last; null: not yet', problem: 'why the last refill failed; null: it did not',
  missed: 'which missed periods are granted: `each` or the `latest`',
  expiresAfterSeconds: 'how many seconds the credits of a period last; null: they never expire', 'body.period': 'the length of a period',
  'body.mode': 'whether what is left rolls over or is reset', referrer: 'the account that is rewarded',
  referee: 'the account that was referred',

  // Prices
  prices: 'credits for `unit` tokens, by class; null: the class has no price of its own',
  tiers: 'other prices, for long prompts or service tiers', input: 'credits for `unit` tokens of the prompt',
  output: 'credits for `unit` generated tokens', cachedRead: 'credits for `unit` tokens that were read from a cache',
  cachedWrite: 'credits for `unit` tokens that were written to a cache',
  cachedWrite1h: 'credits for `unit` tokens that were written to a cache for an hour',
  audioInput: 'credits for `unit` tokens of sound in the prompt', imageInput: 'credits for `unit` tokens of pictures in the prompt',
  reasoning: 'credits for `unit` tokens of reasoning', audioOutput: 'credits for `unit` generated tokens of sound',
  imageOutput: 'credits for `unit` generated tokens of pictures', 'prices.message': 'credits for one message',
  request: 'credits for one request', inputImage: 'credits for one picture in the prompt',
  outputImage: 'credits for one generated picture', unit: 'how many tokens a price is for',
  aliasOf: 'the model that this is another name of; null: it is none',
  maxInputTokens: 'how many tokens a prompt has at most; null: unknown',
  maxOutputTokens: 'how many tokens are generated at most; null: unknown', marginPercent: 'percent that are added to prices',
  moneyPerCredit: 'the price of one credit, in money; null: prices are in credits',
  profitPercents: 'percent that are added to prices, one after the other', force: 'true: also a price far from the one before it',
  allowZero: 'true: also a price of 0', 'body.rounding': 'to what the amount is rounded up',
  'body.isDefault': 'whether it is for models without a price', 'body.state': '`inactive`: the price does not apply',

  // Reconciliation and shards
  lastBatchAt: 'when accounts were compared last; null: not yet', lastRoundAt: 'when the last round ended; null: none has',
  lastRoundAccounts: 'how many accounts the last round compared; null: none has ended',
  lastFullRoundAt: 'when the last round of all accounts ended; null: none has', round: 'the round that runs now',
  full: 'whether it compares all accounts, not only those that changed', accounts: 'how many accounts',
  fullRoundWanted: 'whether the next round compares all accounts', open: 'how many differences are open, by check',
  check: 'what was compared', differenceMicros: 'the difference in millionths of a credit', findings: 'the open differences',
  expected: 'what the books say', actual: 'what Redis says', firstSeenAt: 'when it was seen first', lastSeenAt: 'when it was seen last',
  sums: 'sums over all accounts', result: 'how the comparison ended', differences: 'what differs',
  epoch: 'the number of the epoch: it grows when Redis has lost something', cursor: 'the last entry of the stream that Postgres has',
  lagEntries: 'how many entries Postgres does not have yet', stoppedReason: 'why the shard is stopped; null: it is not',

  // Probes and this document
  'reply.version': 'the version of the gateway', checks: 'what was checked, by name', 'checks.*': 'one check', ok: 'whether it is well',
  detail: 'why not', openapi: 'the version of OpenAPI', info: 'the title, version and text of the document', servers: 'where the API is',
  tags: 'the chapters', 'x-tagGroups': 'the chapters by API', paths: 'the operations by path and method',
  'reply.components': 'what operations share', service: 'the name of the service',
};
