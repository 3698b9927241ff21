import type { TSchema } from 'typebox';
import { shapeOf } from './examples.js';

/**
 * What the fields of answers of `/v1` mean, where their schema does not say it: a name means the same in every answer.
 * Amounts are credits as decimal text, times RFC 3339 in UTC.
 */
const BY_NAME: ReadonlyMap<string, string> = new Map(Object.entries({
  account: 'the account that pays', accountId: 'the account', spender: 'under which name it is spent',
  amount: 'credits', available: 'credits that can be spent now', held: 'credits that open holds keep',
  debt: 'credits that are owed: the next grant pays them first', captured: 'credits that were charged',
  released: 'credits that were given back', expired: 'credits that ended with their lot',
  overage: 'credits that were charged beyond the hold, debt included', uncollected: 'credits of usage that nothing paid',
  reported: 'credits that the usage reported so far costs', remaining: 'credits that are left',
  granted: 'credits that were granted', removed: 'credits that were taken away without usage',
  availableAfter: '`available` after it', heldAfter: '`held` after it', debtAfter: '`debt` after it',
  required: 'credits that were asked for', shortBy: 'credits that are missing', used: 'credits that are spent or held in the window',
  totals: 'credits in all, since the account exists', late: 'whether it ended after its lease, or charged a difference',
  leaseEndsAt: 'when the hold ends by itself', reportBy: 'report or extend until then', placedAt: 'when it was placed',
  placedBy: 'the kind of caller: `user`, `service` or `operator`', onExpiry: 'what the end of the lease charges',
  overCapture: 'what pays for usage beyond the hold', changedAt: 'when it was changed last',
  endedAt: 'when it ended; null: not yet', at: 'when it happened',
  createdAt: 'when it was made', createdBy: 'who made it', addedAt: 'when it was added', grantedAt: 'when it was granted',
  expiresAt: 'when it ends; null: never', resetsAt: 'when the window ends and the amount is there again; null: never',
  revokedAt: 'when it was revoked; null: it is valid', lastUsedAt: 'when it was used last, to a minute or so',
  startedAt: 'when it began', effectiveFrom: 'from when on it applies', state: 'where it stands', status: 'where it stands',
  reason: 'why, as the caller told it', metadata: 'your own data, as you sent it', kind: 'what happened',
  seq: 'the number of the entry in the ledger of the account', entry: 'the number of its entry in the ledger of the account',
  model: 'the model', provider: 'the provider of the model; empty: any', serviceTier: 'the service tier that the price is for',
  price: 'the price that applies', book: 'the price book', version: 'the version of the price', rule: 'how the name led to the price',
  isDefault: 'whether it is the default for models without a price',
  rate: 'credits for `per` units', per: 'how many units the rate is for', tokens: 'how many were used',
  tokenClass: 'the class of the tokens', pricedAs: 'the class whose price stands in; the same class where it has a price',
  aboveInputTokens: 'the length of the prompt, in tokens, above which the price applies', components: 'the parts of the amount',
  margin: 'what is added to the price', rounding: 'what rounding added', percent: 'percent', upTo: 'to what it was rounded up',
  period: 'the length of the window', window: 'how the window moves', mode: 'whether it refuses or warns',
  match: 'what is counted; absent members match everything', feature: 'the feature', key: 'the name of the API key',
  name: 'its name', scopes: 'what the key may do', accountPrefix: 'the only accounts that it may act on begin with this',
  payer: 'the only account that it may act on', data: 'one page', limits: 'the limits that count it',
  lots: 'its lots', holds: 'its open holds',
  id: 'names it', hold: 'the id of the hold', source: 'where the credits come from', by: 'who did it; null: the gateway',
  usage: 'the tokens by class', usages: 'what each usage costs, by class of token', from: 'the account that gives',
  to: 'the account that gets',
  refusal: 'why nothing was moved; null: it was, or will be', frozen: 'whether every write is refused',
  freeze: 'who froze it, when and why',
  passes: 'whether it would pass now', refusedBy: 'what would refuse it; null: nothing',
  changed: 'how many were changed, or whether it was',
  applied: 'false: it applies when Redis is back', corrects: 'the entry that this one corrects',
}));

/** The schema with a description of every field that has none and whose name is known. The schema itself stays as it is. */
export function described(schema: TSchema): TSchema {
  const { properties, items, anyOf, allOf } = shapeOf(schema);
  return {
    ...schema,
    ...(properties === undefined ? {} : {
      properties: Object.fromEntries(Object.entries(properties).map(([name, child]) => [name, named(name, described(child))])),
    }),
    ...(items === undefined ? {} : { items: described(items) }),
    ...(anyOf === undefined ? {} : { anyOf: anyOf.map(described) }),
    ...(allOf === undefined ? {} : { allOf: allOf.map(described) }),
  };
}

function named(name: string, schema: TSchema): TSchema {
  const description = shapeOf(schema).description ?? BY_NAME.get(name);
  return description === undefined ? schema : { ...schema, description };
}
