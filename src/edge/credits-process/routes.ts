import type { AddRoute } from '../http/routes.js';
import { processRoutes, type ProcessRouteDeps } from './process.routes.js';
import { walletRoutes, type WalletRouteDeps } from './wallet.routes.js';

export type CreditsProcessDeps = ProcessRouteDeps & WalletRouteDeps;

/** The API of the credits process (docs/contracts/credits-process.md), translated to the core. */
export function creditsProcessRoutes(add: AddRoute, deps: CreditsProcessDeps): void {
  processRoutes(add, deps);
  walletRoutes(add, deps);
}
