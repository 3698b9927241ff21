import type { Db } from '../../src/stores/postgres/connect.js';
import { CHARGE_SERVICE } from './chat-proxy.js';
import { finding, type Finding } from './finding.js';
import type { Told, ToldEnd } from './told.js';

type HoldFacts = {
  readonly accountId: string; readonly holdId: string; readonly state: string; readonly amount: number; readonly captured: number;
  readonly released: number; readonly expired: number; readonly overage: number; readonly debt: number; readonly uncollected: number;
};
type ChargeFacts = { readonly accountId: string; readonly seq: number; readonly marker: string; readonly credits: number };
type GrantFacts = { readonly intentId: number; readonly accountId: string; readonly amount: number; readonly granted: number };

/**
 * Compares the answers that callers got with the books: acknowledged operations are stored exactly once and to the micro,
 * refused ones are not stored, and nothing else is.
 */
export async function checkTold(db: Db, told: Told): Promise<Finding[]> {
  const captured = new Map<string, number>();
  const granted = new Map<string, number>();
  const add = (sums: Map<string, number>, accountId: string, amount: number): void => {
    sums.set(accountId, (sums.get(accountId) ?? 0) + amount);
  };

  const sessions = finding('every acknowledged session is there once, and ended as its caller was told');
  const holds = grouped(await readHolds(db), ({ accountId, holdId }) => `${accountId} ${holdId}`);
  for (const { accountId, sessionId, held, end } of told.sessions) {
    const [hold, ...more] = holds.get(`${accountId} ${sessionId}`) ?? [];
    sessions.compare(hold?.amount === held && more.length === 0 && isAsTold(hold, end), () =>
      `${accountId} ${sessionId}: told ${JSON.stringify({ held, end })}, found ${JSON.stringify([hold, ...more])}`);
    if (end !== null) add(captured, accountId, end.charged);
  }
  const strangers = finding('every session was opened by a caller');
  const known = new Set(told.sessions.map(({ accountId, sessionId }) => `${accountId} ${sessionId}`));
  for (const name of holds.keys()) strangers.compare(known.has(name), () => name);

  const charges = finding('every acknowledged charge is there once, under the id its caller was told');
  const lost = finding('a charge whose answer was lost is there once at most');
  const found = grouped(await readCharges(db), ({ accountId, marker }) => `${accountId} ${marker}`);
  for (const { accountId, marker, amount, seq } of told.charges) {
    const rows = found.get(`${accountId} ${marker}`) ?? [];
    const [row] = rows;
    if (seq === null) lost.compare(rows.length <= 1 && (row?.credits ?? amount) === amount, () =>
      `${accountId} ${marker}: ${rows.length} times`);
    else charges.compare(rows.length === 1 && row?.seq === seq && row.credits === amount, () =>
      `${accountId} ${marker}: told ${amount} as ${seq}, found ${JSON.stringify(rows)}`);
    if (row !== undefined) add(captured, accountId, row.credits);
    found.delete(`${accountId} ${marker}`);
  }
  for (const name of found.keys()) strangers.compare(false, () => name);

  const refused = finding('what was refused is not there');
  for (const { accountId, sessionId } of told.refusedSessions) {
    refused.compare(!holds.has(`${accountId} ${sessionId}`), () => `${accountId} ${sessionId}`);
  }
  for (const { accountId, marker } of told.refusedCharges) {
    refused.compare(!found.has(`${accountId} ${marker}`), () => `${accountId} ${marker}`);
  }

  const grants = finding('every acknowledged allocation is there once, and no other');
  const intents = grouped(await readGrants(db), ({ intentId }) => String(intentId));
  for (const { accountId, intentId, amount } of told.grants) {
    const [row, ...more] = intents.get(String(intentId)) ?? [];
    grants.compare(row?.accountId === accountId && row.amount === amount && row.granted === amount && more.length === 0, () =>
      `allocation ${intentId} of ${accountId}: ${JSON.stringify(row)}`);
    intents.delete(String(intentId));
    add(granted, accountId, amount);
  }
  for (const intentId of intents.keys()) grants.compare(false, () => `allocation ${intentId} was made by no caller`);

  const tallies = await compareTallies(db, granted, captured);
  const answers = finding('every answer was one that the contract allows');
  for (const surprise of told.surprises) answers.compare(false, () => surprise);
  const allowed = told.sessions.length + told.charges.length + told.grants.length + told.refusedSessions.length
    + told.refusedCharges.length;
  return [
    ...[sessions, charges, lost, refused, strangers, grants].map((each) => each.done()),
    tallies,
    { ...answers.done(), compared: allowed + told.surprises.length },
  ];
}

type Sums = ReadonlyMap<string, number>;

async function compareTallies(db: Db, granted: Sums, captured: Sums): Promise<Finding> {
  const tallies = finding("every caller's own tally of granted and captured is the ledger's");
  const { rows } = await db.raw<{ rows: { accountId: string; granted: number; captured: number }[] }>(
    `select account_id as "accountId", granted, captured from accounts`,
  );
  for (const row of rows) {
    const own = { granted: granted.get(row.accountId) ?? 0, captured: captured.get(row.accountId) ?? 0 };
    tallies.compare(own.granted === row.granted && own.captured === row.captured, () =>
      `${row.accountId}: own ${JSON.stringify(own)}, ledger ${JSON.stringify(row)}`);
  }
  return tallies.done();
}

/** Whether a hold is as its caller was told. A session that was never ended is open until its lease ends, and costs nothing. */
function isAsTold(hold: HoldFacts, end: ToldEnd | null): boolean {
  if (end === null) return (hold.state === 'open' || hold.state === 'expired') && hold.captured === 0;
  return hold.state === 'settled' && hold.captured === end.charged && hold.released + hold.expired === end.returned
    && hold.overage === end.overage && hold.debt === end.debt && hold.uncollected === end.uncollected;
}

function grouped<T>(rows: readonly T[], nameOf: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const name = nameOf(row);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [row]);
    else group.push(row);
  }
  return groups;
}

async function readHolds(db: Db): Promise<HoldFacts[]> {
  const { rows } = await db.raw<{ rows: HoldFacts[] }>(
    `select account_id as "accountId", hold_id as "holdId", state, amount, captured, released, expired, overage, debt,
       uncollected from holds`,
  );
  return rows;
}

/** A charge's amount is in its entry; its name is in the usage record. */
async function readCharges(db: Db): Promise<ChargeFacts[]> {
  const { rows } = await db.raw<{ rows: ChargeFacts[] }>(
    `select u.account_id as "accountId", u.seq, u.operation as marker, e.captured as credits
       from usage_records u join entries e on e.account_id = u.account_id and e.seq = u.seq and e.kind = 'charge' where u.service = ?`,
    [CHARGE_SERVICE],
  );
  return rows;
}

async function readGrants(db: Db): Promise<GrantFacts[]> {
  const { rows } = await db.raw<{ rows: GrantFacts[] }>(
    `select m.intent_id as "intentId", m.account_id as "accountId", m.amount, e.granted
       from money_in m left join entries e on e.account_id = m.account_id and e.key = 'intent:' || m.intent_id`,
  );
  return rows;
}
