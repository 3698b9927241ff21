import { accountingEnvelope } from '../../../src/edge/accounting-service/envelope.js';
import { problemEnvelope } from '../../../src/edge/http/problem.js';
import { routeTable, type RouteTableDeps } from '../../../src/edge/http/routes.js';
import { openApiOf } from '../../../src/edge/openapi/openapi.js';
import type { OpenApi } from '../../../src/edge/openapi/types.js';
import { nativeRoutes, type NativeDeps } from '../../../src/edge/v1/routes.js';

/** Stands for every use case: adding a route reads its deps but calls none of them. */
const anything: unknown = new Proxy(() => undefined, { get: () => anything, apply: () => anything });

/** The OpenAPI document of the routes of `/v1`, without a running gateway. */
export function nativeDocument(): OpenApi {
  const table = routeTable(anything as RouteTableDeps);
  nativeRoutes(table.dialect({ envelope: problemEnvelope, strictQuery: true }), anything as NativeDeps);
  return JSON.parse(JSON.stringify(openApiOf({ routes: table.routes, version: 'any', envelope: accountingEnvelope }))) as OpenApi;
}
