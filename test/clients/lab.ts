import { CreditGateway, type GatewayOptions } from '../../clients/typescript/src/index.js';
import { nativeLab, type NativeLab } from '../edge/v1/lab.js';

/** The connection of a client, as a test sees and breaks it. */
export type Line = {
  /** What reached the gateway, such as `POST /v1/holds/x/settle`, with `x` for the id of a hold. */
  readonly calls: string[];
  readonly bodies: Record<string, unknown>[];
  /** No request reaches the gateway: what is in between says so, and to come back in an hour. */
  isDown: boolean;
  /** The answers of so many requests that were carried out are lost. */
  lose: number;
};

export type ClientLab = NativeLab & {
  readonly key: string;
  readonly client: (options?: Partial<GatewayOptions>) => { readonly credits: CreditGateway; readonly line: Line };
};

/** A gateway, and clients with the key of a service that may do everything but administer. */
export async function clientLab(environment: Readonly<Record<string, string>> = {}): Promise<ClientLab> {
  const lab = await nativeLab(environment);
  const { body } = await lab.operator('POST', '/v1/api-keys', { name: 'client', scopes: ['holds', 'charges', 'grants', 'read'] });
  const key = String(body['key']);
  return {
    ...lab, key,
    client: (options = {}) => {
      const line: Line = { calls: [], bodies: [], isDown: false, lose: 0 };
      const credits = new CreditGateway({
        baseUrl: lab.gateway.url, apiKey: key, ...options,
        fetch: async (url, init) => {
          if (line.isDown) return new Response('', { status: 503, headers: { 'retry-after': '3600' } });
          const { pathname } = new URL(url);
          line.calls.push(`${init.method ?? 'GET'} ${pathname.replace(/\/holds\/[^/]+/, '/holds/x')}`);
          line.bodies.push(JSON.parse(typeof init.body === 'string' ? init.body : '{}') as Record<string, unknown>);
          const response = await fetch(url, init);
          line.lose -= 1;
          if (line.lose >= 0) throw Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNRESET' } });
          return response;
        },
      });
      return { credits, line };
    },
  };
}
