import Type from 'typebox';
import type { Clock } from '../../kit/clock.js';
import { anyone } from '../auth/allow.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';

const Reply = Type.Object({ status: Type.String(), service: Type.String(), version: Type.String(), timestamp: Type.String() });

/**
 * The health answer that callers of the original read (docs/contracts/accounting-service.md#endpoints). Whether to send
 * traffic is `/readyz`.
 */
export function healthRoutes(add: AddRoute, { version, clock }: { readonly version: string; readonly clock: Clock }): void {
  for (const path of ['/health', '/api/health']) {
    add('GET', path, anyone(), { isProbe: true, summary: 'Health, as the accounting service words it', replies: { 200: Reply } }, (ctx) => {
      reply(ctx, 200, { status: 'ok', service: 'accounting-service', version, timestamp: new Date(clock()).toISOString() });
    });
  }
}
