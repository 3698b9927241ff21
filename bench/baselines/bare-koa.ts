import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bodyParser } from '@koa/bodyparser';
import { Router } from '@koa/router';
import Koa, { type Middleware } from 'koa';

/**
 * The ceiling of the stack: the least that Koa does to answer a POST. A router, a JSON body, a fixed reply as long as a
 * hold's; no token, no validation, no metrics, no store. Its argument says who reads the body: `bodyparser` or `hand`. Sends its
 * port to the parent process.
 */
const byHand: Middleware = async (ctx, next) => {
  const chunks: Buffer[] = [];
  for await (const chunk of ctx.req) chunks.push(chunk as Buffer);
  ctx.state['body'] = JSON.parse(Buffer.concat(chunks).toString()) as unknown;
  await next();
};

const router = new Router();
router.post('/v1/holds', process.argv[2] === 'hand' ? byHand : bodyParser(), (ctx) => {
  ctx.status = 201;
  ctx.body = {
    id: 'bench-00000000', account: 'bench-00000000-0', state: 'open', amount: '0.02', reported: '0', remaining: '0.02',
    leaseEndsAt: '2026-01-01T00:10:00.000Z', reportBy: '2026-01-01T00:10:00.000Z', final: false, stopAtTokens: null, price: null,
    available: '25599.98', limits: [],
  };
});

const app = new Koa();
app.use(router.routes());

const handle = app.callback();
const server = createServer((request, response) => { void handle(request, response); });
server.listen(0, '127.0.0.1', () => { process.send?.((server.address() as AddressInfo).port); });
process.on('disconnect', () => { process.exit(0); });
