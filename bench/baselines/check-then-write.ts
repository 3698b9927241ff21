import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler, type Request, type RequestHandler } from 'express';
import { body, param, validationResult } from 'express-validator';
import { jwtVerify } from 'jose';
import { Sequelize } from 'sequelize';
import { Balance, openModels, Session, Transaction, User } from './check-then-write-models.js';

/**
 * The design that the gateway replaces: Express and Sequelize. Each call validates its body, loads the caller and the balance as models,
 * checks, and saves them: six queries, each a transaction of its own, and no lock. It is not correct: of two calls at once, one update
 * is lost, which the benchmark counts. Sends its port to the parent process.
 */
const CONNECTIONS = 16;
const HOUR_MS = 3_600_000;
const secret = new TextEncoder().encode(process.env['JWT_ACCESS_SECRET']);
const database = new Sequelize(process.env['BASELINE_DATABASE_URL'] ?? '', {
  dialect: 'postgres', logging: false,
  pool: { max: CONNECTIONS, min: 0, idle: HOUR_MS }, // connections stay while another side has its turn
});
openModels(database);

class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const isValid: RequestHandler = (request, _response, next) => {
  const found = validationResult(request);
  next(found.isEmpty() ? undefined : new Refusal(400, JSON.stringify(found.array())));
};

async function callerOf(request: Request): Promise<User> {
  const { payload } = await jwtVerify((request.headers.authorization ?? '').slice('Bearer '.length), secret);
  const user = await User.findByPk(payload.sub ?? '');
  if (user?.isActive !== true) throw new Refusal(403, 'inactive');
  return user;
}

async function balanceOf({ id }: User): Promise<Balance> {
  const balance = await Balance.findOne({ where: { userId: id } });
  if (balance === null) throw new Refusal(404, 'no balance');
  return balance;
}

const DIGITS = 6;
const isAmount = body('amount').isString().isDecimal({ decimal_digits: `0,${DIGITS}` });

const app = express();
app.use(express.json());

app.post('/v1/holds', body('id').isString().isLength({ min: 1, max: 128 }), isAmount, isValid, async (request, response) => {
  const user = await callerOf(request);
  const { id, amount } = request.body as { readonly id: string; readonly amount: string };
  if (await Session.findOne({ where: { sessionId: id } }) !== null) throw new Refusal(409, 'exists');
  const account = await balanceOf(user);
  if (Number(account.balance) < Number(amount)) throw new Refusal(402, 'insufficient credits');
  const after = (Number(account.balance) - Number(amount)).toFixed(DIGITS);
  await account.update({ balance: after });
  const session = await Session.create({ sessionId: id, userId: user.id, allocated: amount, status: 'active' });
  await Transaction.create({ userId: user.id, sessionId: id, type: 'hold', amount: `-${amount}`, balanceAfter: after });
  response.status(201).json({ id: session.sessionId, amount, available: after });
});

app.post('/v1/holds/:id/settle', param('id').isLength({ min: 1, max: 128 }), isAmount, isValid, async (request, response) => {
  const user = await callerOf(request);
  const { amount } = request.body as { readonly amount: string };
  const session = await Session.findOne({ where: { sessionId: String(request.params['id']), userId: user.id } });
  if (session === null) throw new Refusal(404, 'no session');
  if (session.status !== 'active') throw new Refusal(409, 'ended');
  const account = await balanceOf(user);
  const after = (Number(account.balance) + Number(session.allocated) - Number(amount)).toFixed(DIGITS);
  await account.update({ balance: after });
  await session.update({ used: amount, status: 'completed' });
  await Transaction.create({ userId: user.id, sessionId: session.sessionId, type: 'settle', amount, balanceAfter: after });
  response.json({ id: session.sessionId, captured: amount, available: after });
});

const answerError: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (response.headersSent) {
    next(error);
    return;
  }
  const { status = 500, message } = error as { readonly status?: number; readonly message: string };
  response.status(status).json({ message });
};
app.use(answerError);

const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
process.send?.((server.address() as AddressInfo).port);
process.on('disconnect', () => { process.exit(0); });
