import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bodyParser } from '@koa/bodyparser';
import { Router } from '@koa/router';
import { jwtVerify } from 'jose';
import knexFactory from 'knex';
import Koa, { type Context } from 'koa';

/**
 * The design that the gateway replaces: a service that reads the balance by an object mapper's queries, checks it, and writes it back,
 * several queries per call, without a lock. It is not correct: two calls at once lose an update, which the benchmark counts. Sends its
 * port to the parent process.
 */
type User = { readonly id: string; readonly is_active: boolean };
type Balance = { readonly id: string; readonly user_id: string; readonly balance: string };
type Session = {
  readonly id: string; readonly session_id: string; readonly user_id: string; readonly allocated: string; readonly status: string;
};

const secret = new TextEncoder().encode(process.env['JWT_ACCESS_SECRET']);
const db = knexFactory({
  client: 'pg', connection: process.env['BASELINE_DATABASE_URL'] ?? '', searchPath: ['baseline'], pool: { min: 0, max: 16 },
});

/** The row after it was written, as object mappers do on `save`. */
async function save(table: string, id: string, changes: object): Promise<void> {
  await db(table).where({ id }).update({ ...changes, updated_at: new Date() });
  await db(table).where({ id }).first();
}

async function callerOf(ctx: Context): Promise<string> {
  const { payload } = await jwtVerify((ctx.get('authorization')).slice('Bearer '.length), secret);
  const user = await db<User>('orm_users').where({ id: payload.sub ?? '' }).first();
  if (user?.is_active !== true) ctx.throw(403, 'inactive');
  return user.id;
}

const balanceOf = async (ctx: Context, userId: string): Promise<Balance> =>
  await db<Balance>('orm_balances').where('user_id', userId).first() ?? ctx.throw(404, 'no balance');

const router = new Router();
router.post('/v1/holds', async (ctx) => {
  const userId = await callerOf(ctx);
  const { id, amount } = ctx.request.body as { readonly id: string; readonly amount: string };
  const existing = await db<Session>('orm_sessions').where('session_id', id).first();
  if (existing !== undefined) ctx.throw(409, 'exists');
  const { id: balanceId, balance } = await balanceOf(ctx, userId);
  if (Number(balance) < Number(amount)) ctx.throw(402, 'insufficient credits');
  const after = (Number(balance) - Number(amount)).toFixed(6);
  await save('orm_balances', balanceId, { balance: after });
  await db('orm_sessions').insert({ session_id: id, user_id: userId, allocated: amount, status: 'active' }).returning('*');
  await db('orm_transactions')
    .insert({ user_id: userId, session_id: id, type: 'hold', amount: `-${amount}`, balance_after: after }).returning('*');
  ctx.status = 201;
  ctx.body = { id, amount, available: after };
});

router.post('/v1/holds/:id/settle', async (ctx) => {
  const userId = await callerOf(ctx);
  const { id = '' } = ctx.params as { readonly id?: string };
  const { amount } = ctx.request.body as { readonly amount: string };
  const session = await db<Session>('orm_sessions').where({ session_id: id, user_id: userId }).first()
    ?? ctx.throw(404, 'no session');
  if (session.status !== 'active') ctx.throw(409, 'ended');
  const { id: balanceId, balance } = await balanceOf(ctx, userId);
  const after = (Number(balance) + Number(session.allocated) - Number(amount)).toFixed(6);
  await save('orm_balances', balanceId, { balance: after });
  await save('orm_sessions', session.id, { used: amount, status: 'completed' });
  await db('orm_transactions')
    .insert({ user_id: userId, session_id: id, type: 'settle', amount, balance_after: after }).returning('*');
  ctx.status = 200;
  ctx.body = { id, captured: amount, available: after };
});

const app = new Koa();
app.use(bodyParser());
app.use(router.routes());
const handle = app.callback();
const server = createServer((request, response) => { void handle(request, response); });
server.listen(0, '127.0.0.1', () => { process.send?.((server.address() as AddressInfo).port); });
process.on('disconnect', () => { process.exit(0); });
