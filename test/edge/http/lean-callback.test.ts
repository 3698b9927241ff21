import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import Koa from 'koa';
import type { GatewayContext, Middleware, PathParams, RequestState } from '../../../src/edge/http/context.js';
import { leanCallback } from '../../../src/edge/http/lean-callback.js';

/** Every way in which a request can be answered or fail, by what Koa itself and what replaces a part of it make of it. */
const answers: Readonly<Record<string, (ctx: GatewayContext) => unknown>> = {
  text: (ctx) => { ctx.body = 'hällo'; },
  'no text': (ctx) => { ctx.body = ''; },
  'much text': (ctx) => { ctx.body = 'é'.repeat(100_000); },
  'text and 404': (ctx) => { ctx.status = 404; ctx.body = 'no'; },
  'text, then 204': (ctx) => { ctx.body = 'x'; ctx.status = 204; },
  '304, then text': (ctx) => { ctx.status = 304; ctx.body = 'x'; },
  'text and 205 behind Koa': (ctx) => { ctx.body = 'x'; ctx.res.statusCode = 205; },
  nothing: () => undefined,
  'a status alone': (ctx) => { ctx.status = 201; },
  null: (ctx) => { ctx.body = null; },
  object: (ctx) => { ctx.body = { a: 1 }; },
  bytes: (ctx) => { ctx.body = Buffer.from('xyz'); },
  stream: (ctx) => { ctx.body = Readable.from(['a', 'b']); },
  'a stream that breaks': (ctx) => { ctx.body = new Readable({ read() { this.destroy(new Error('broken')); } }); },
  'an answer of its own': (ctx) => { ctx.respond = false; ctx.res.writeHead(202); ctx.res.end('own'); },
  'an answer already sent': (ctx) => { ctx.res.end('sent'); ctx.body = 'other'; },
  'headers already sent': (ctx) => { ctx.res.writeHead(200, { 'content-length': '3' }); ctx.body = 'abc'; },
  thrown: () => { throw new Error('boom'); },
  rejected: () => Promise.reject(Object.assign(new Error('teapot'), { status: 418, expose: true, headers: { 'x-a': '1' } })),
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- the very thing that is tested
  'thrown text': () => { throw 'text'; },
  'thrown after the answer': (ctx) => { ctx.res.end('sent'); throw new Error('late'); },
};

const middleware: readonly Middleware[] = [
  (ctx, next) => { ctx.res.setHeader('x-outer', '1'); return next(); },
  async (ctx, next) => { await next(); ctx.state.traceId = String(ctx.status); },
  (ctx) => answers[decodeURIComponent(ctx.path.slice(1))]?.(ctx) as Promise<void>,
];

type Answering = { readonly server: Server; readonly errors: string[] };

async function answering(isLean: boolean): Promise<Answering> {
  const app = new Koa<RequestState, PathParams>();
  const errors: string[] = [];
  app.on('error', (error: Error) => { errors.push(error.message); });
  if (!isLean) for (const each of middleware) app.use(each);
  const handle = isLean ? leanCallback(app, middleware) : app.callback();
  const server = createServer((request, response) => { void handle(request, response); });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return { server, errors };
}

let [koa, lean]: Answering[] = [];
beforeAll(async () => { [koa, lean] = await Promise.all([false, true].map(answering)); });
afterAll(() => { for (const each of [koa, lean]) each?.server.close(); });

/** All that is sent until the connection closes, and what is told of errors. */
async function told({ server, errors }: Answering, request: string): Promise<object> {
  errors.length = 0;
  const closed = new Promise((resolve) => {
    server.prependOnceListener('request', (_, response) => { response.once('close', resolve); });
  });
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(request);
  const sent = await text(socket);
  await closed;
  await new Promise((resolve) => { setImmediate(resolve); });
  return { sent: sent.replaceAll(/^Date: .*\r\n/gm, ''), errors: [...errors] };
}

test.each(Object.keys(answers))('%s', async (answer) => {
  if (koa === undefined || lean === undefined) throw new Error('no server');
  for (const method of ['GET', 'HEAD', 'POST']) {
    const path = `/${encodeURIComponent(answer)}`;
    const request = `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;
    expect(await told(lean, request)).toEqual(await told(koa, request));
  }
});
