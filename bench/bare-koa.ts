import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bodyParser } from '@koa/bodyparser';
import { Router } from '@koa/router';
import Koa from 'koa';

/**
 * The baseline of the comparison: the least that Koa does to answer a POST. A router, a JSON body, a fixed reply as long
 * as a hold's; no token, no validation, no metrics, no Redis. Sends its port to the parent process.
 */
const router = new Router();
router.post('/api/streaming-sessions/initialize', (ctx) => {
  ctx.status = 201;
  ctx.body = { sessionId: 'bench-0123456789-000000', allocatedCredits: 2, status: 'active' };
});

const app = new Koa();
app.use(bodyParser());
app.use(router.routes());

const handle = app.callback();
const server = createServer((request, response) => { void handle(request, response); });
server.listen(0, '127.0.0.1', () => { process.send?.((server.address() as AddressInfo).port); });
process.on('disconnect', () => { process.exit(0); });
