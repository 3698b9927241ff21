import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { CreditGateway, Lease, TokenUsage } from '../../clients/typescript/src/index.js';
import { projectRoot } from '../../src/kit/paths.js';
import { sendJson } from './answers.js';
import { accountOf, type ChatProxyOptions, type Watch } from './proxy.js';

/** The page of the demo and what it shows. A proxy in production has no such routes. */

export type DemoOptions = {
  readonly credits: CreditGateway;
  readonly accounts: ReadonlyMap<string, string>;
  /** The key that the page calls with. Everybody who can open the page has it. */
  readonly key: string;
  readonly model: string;
  /** What the button on the page adds, in credits. */
  readonly refill: string;
};

type Shown = {
  readonly account: string; readonly lease: Lease; readonly model: string;
  usage: TokenUsage; state: 'streaming' | 'ended'; charged: string | null; returned: string | null; isCut: boolean;
};

const FOLDER = join(projectRoot, 'examples/chat-proxy/page');
const FILES: Readonly<Record<string, readonly [string, string]>> = {
  '/': ['index.html', 'text/html'], '/chat.css': ['chat.css', 'text/css'], '/chat.js': ['chat.js', 'text/javascript'],
};
const HEADERS = {
  'content-security-policy': [
    'default-src \'none\'', 'script-src \'self\'', 'style-src \'self\'', 'connect-src \'self\'', 'img-src data:', 'base-uri \'none\'',
    'form-action \'none\'', 'frame-ancestors \'none\'',
  ].join('; '),
  'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cache-control': 'no-cache',
};
const SHOWN_MAX = 8;

export function demo(options: DemoOptions): Required<Pick<ChatProxyOptions, 'more' | 'watch'>> {
  const shown = new Map<string, Shown>();
  const watch: Watch = {
    held: (account, lease, { model, inputTokens }) => {
      shown.set(lease.id, {
        account, lease, model, usage: { inputTokens, outputTokens: 0 }, state: 'streaming', charged: null, returned: null, isCut: false,
      });
      const oldest = [...shown].find(([, { state }]) => state === 'ended')?.[0];
      if (shown.size > SHOWN_MAX && oldest !== undefined) shown.delete(oldest);
    },
    used: ({ id }, usage) => { Object.assign(shown.get(id) ?? {}, { usage }); },
    ended: ({ id, final, stopAtTokens }, receipt) => {
      const one = shown.get(id);
      if (one === undefined) return;
      const isCut = final && stopAtTokens !== null && (one.usage.outputTokens ?? 0) >= stopAtTokens;
      Object.assign(one, { state: 'ended', charged: receipt?.captured ?? null, returned: receipt?.released ?? null, isCut });
    },
  };
  return { watch, more: (request, response) => serve(options, shown, request, response) };
}

async function serve(options: DemoOptions, shown: ReadonlyMap<string, Shown>, request: IncomingMessage,
  response: ServerResponse): Promise<boolean> {
  const { credits, accounts, key, model, refill } = options;
  const url = request.url ?? '';
  const file = FILES[url];
  switch (`${request.method ?? ''} ${file === undefined ? url : 'page'}`) {
    case 'GET page': {
      const [name, type] = file ?? ['', ''];
      response.writeHead(200, { ...HEADERS, 'content-type': `${type}; charset=utf-8` }).end(await readFile(join(FOLDER, name)));
      return true;
    }
    case 'GET /demo/session':
      sendJson(response, 200, { key, model, refill });
      return true;
    case 'GET /demo/state': {
      const account = accountOf(accounts, request);
      const [{ available, held }, messages] = await Promise.all([
        credits.accounts.get(account),
        Promise.all([...shown.values()].filter((one) => one.account === account).map((one) => present(credits, one))),
      ]);
      sendJson(response, 200, { account, available, held, messages });
      return true;
    }
    case 'POST /demo/refill':
      await credits.grants.create({ account: accountOf(accounts, request), amount: refill, reason: 'demo' });
      sendJson(response, 201, { granted: refill });
      return true;
    default:
      return false;
  }
}

/** `used` is what the answer has cost so far, by the gateway's own price. */
async function present(credits: CreditGateway, { lease, model, usage, state, charged, returned, isCut }: Shown): Promise<object> {
  const used = charged ?? (await credits.quotes.create({ model, usage })).amount;
  return {
    id: lease.id, state, reserved: lease.hold.amount, used, returned, isCut, outputTokens: usage.outputTokens ?? 0,
    stopAtTokens: lease.stopAtTokens, isFinal: lease.final,
  };
}
