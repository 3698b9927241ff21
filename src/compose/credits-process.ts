import type { Config } from '../config.js';
import { featureAdmin } from '../credits/features/manage-features.js';
import { usedEndpoints } from '../credits/features/used-endpoints.js';
import type { MoneyIn } from '../credits/grants/money-in.js';
import type { SettleProcessDeps } from '../credits/processes/settle-process.js';
import { insertUsageLog } from '../credits/processes/usage-log.table.js';
import { serverKeyAdmin } from '../edge/auth/manage-server-keys.js';
import { serverKeyRing } from '../edge/auth/server-key-ring.js';
import { serverKeyAuth } from '../edge/auth/server-key.js';
import { readLiveServerKeys, touchServerKeys } from '../edge/auth/server-key.table.js';
import type { IdRules } from '../edge/credits-process/fields.js';
import { steadyClock, type Clock } from '../kit/clock.js';
import type { Log } from '../kit/log.js';
import { toGatewayError } from '../stores/postgres/errors.js';
import type { ServerSideDeps } from './app.js';
import type { Core } from './core.js';

export type ServerSideParts = {
  readonly config: Config;
  readonly core: Core;
  readonly money: MoneyIn;
  readonly clock: Clock;
  readonly log: Log;
};

/** What ends of processes need, whichever way they come in: over HTTP, by RabbitMQ or by BullMQ. */
export function composeSettlements(config: Config, { ledger, db, prices }: Core): SettleProcessDeps & IdRules {
  return {
    ledger,
    modelBook: prices.models,
    usedEndpoint: usedEndpoints(db),
    leaseMs: config.holdTtlMs,
    overCapture: config.overCapture,
    debtLimit: config.debtLimit,
    strictIds: config.creditsProcess.strictIds,
  };
}

/** The routes that servers call, and the administration of what they use. */
export function composeServerSide({ config, core, money, clock, log }: ServerSideParts): ServerSideDeps & { close(): Promise<void> } {
  const { db } = core;
  const ring = serverKeyRing({
    configured: config.serverApiKeys,
    read: () => readLiveServerKeys(db),
    touch: (used) => touchServerKeys(db, used),
    clock: Date.now, steadyClock,
    onError: (error) => { log.warn({ err: error }, 'server keys not read; the ones in memory stay in use for a while'); },
  });
  return {
    authenticateServer: serverKeyAuth(ring, clock),
    creditsProcess: {
      ...composeSettlements(config, core),
      db,
      clock,
      holdMode: config.creditsProcess.hold,
      moneyIn: money,
      initialCredits: config.creditsProcess.initialCredits,
      saveUsageLog: (accountId, payload) =>
        insertUsageLog(db, accountId, payload).catch((error: unknown) => { throw toGatewayError(error); }),
    },
    administration: { serverKeys: serverKeyAdmin(db, clock), features: featureAdmin(db), clock },
    close: ring.close,
  };
}
