import type { Db } from '../../stores/postgres/connect.js';

/** The answer of a write. `body` is null where the answer has none. */
export type KeptAnswer = { readonly status: number; readonly etag: string | null; readonly body: string | null };

/** A request that was sent under a key. `answer` is null until it has succeeded. */
export type KeptRequest = { readonly fingerprint: string; readonly answer: KeptAnswer | null };

type Row = { readonly fingerprint: string; readonly status: number | null; readonly etag: string | null; readonly body: string | null };

/** Which request is meant: the caller and its Idempotency-Key. */
export type RequestName = { readonly caller: string; readonly key: string };

/** Rows that one new request deletes; more are deleted than are written, so that the table does not grow. */
const FORGET_PER_REQUEST = 10;

/** Records a request, unless one is recorded under its name: then returns that one. */
export async function claimRequest(db: Db, name: RequestName, fingerprint: string): Promise<KeptRequest | null> {
  const { rowCount } = await db.raw<{ rowCount: number }>(
    'insert into kept_answers (caller, key, fingerprint) values (:caller, :key, :fingerprint) on conflict do nothing',
    { ...name, fingerprint },
  );
  return rowCount === 1 ? null : readRequest(db, name);
}

export async function readRequest(db: Db, name: RequestName): Promise<KeptRequest | null> {
  const { rows } = await db.raw<{ rows: Row[] }>(
    'select fingerprint, status, etag, body from kept_answers where caller = :caller and key = :key', name,
  );
  if (rows[0] === undefined) return null;
  const { fingerprint, status, etag, body } = rows[0];
  return { fingerprint, answer: status === null ? null : { status, etag, body } };
}

/** Keeps the first answer of a request. */
export async function keepAnswer(db: Db, name: RequestName, fingerprint: string, { status, etag, body }: KeptAnswer): Promise<void> {
  await db.raw(
    `insert into kept_answers as kept (caller, key, fingerprint, status, etag, body)
     values (:caller, :key, :fingerprint, :status::integer, :etag, :body)
     on conflict (caller, key) do update set status = excluded.status, etag = excluded.etag, body = excluded.body
       where kept.status is null and kept.fingerprint = excluded.fingerprint`,
    { ...name, fingerprint, status, etag, body },
  );
}

/** Forgets a request that changed nothing, unless it has an answer. */
export async function releaseRequest(db: Db, name: RequestName): Promise<void> {
  await db.raw('delete from kept_answers where caller = :caller and key = :key and status is null', name);
}

export async function forgetAnswers(db: Db, olderThanDays: number): Promise<void> {
  await db.raw(
    `delete from kept_answers where (caller, key) in (
       select caller, key from kept_answers where created_at < now() - make_interval(days => ?::integer)
        order by created_at limit ?::integer for update skip locked)`,
    [olderThanDays, FORGET_PER_REQUEST],
  );
}
