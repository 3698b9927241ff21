import type { AddRoute } from '../../http/routes.js';
import { deliveryList, keyList, webhookList, type AccessReads } from './access-lists.js';
import { accountList, holdList, lotList, type CreditReads } from './credit-lists.js';
import { listRoutes, type ListDeps } from './list.routes.js';
import { priceList, type PriceReads } from './price-list.js';
import { limitList, memberList, refusalList, type RuleReads } from './rule-lists.js';
import { featureList, planList, type SetupReads } from './setup-lists.js';

/** What the lists read. */
export type ListReads = CreditReads & RuleReads & PriceReads & SetupReads & AccessReads;

/** Every list but that of the dead letters, which comes with what can be done to them. */
export function allLists(add: AddRoute, deps: ListDeps, reads: ListReads): void {
  listRoutes(add, deps, accountList(reads));
  listRoutes(add, deps, holdList(reads));
  listRoutes(add, deps, lotList(reads));
  listRoutes(add, deps, refusalList(reads));
  listRoutes(add, deps, limitList(reads));
  listRoutes(add, deps, memberList(reads));
  listRoutes(add, deps, priceList(reads));
  listRoutes(add, deps, planList(reads));
  listRoutes(add, deps, featureList(reads));
  listRoutes(add, deps, keyList(reads, deps.clock));
  listRoutes(add, deps, webhookList(reads));
  listRoutes(add, deps, deliveryList(reads));
}
