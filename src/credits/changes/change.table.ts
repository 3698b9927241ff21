import type { Db } from '../../stores/postgres/connect.js';

/** A write of configuration, as it was asked for. */
export type AskedChange = {
  readonly actor: string;
  readonly actorKind: 'operator' | 'service';
  /** Null: none was given. */
  readonly reason: string | null;
  readonly method: string;
  /** Of the request, percent-encoded. */
  readonly path: string;
  /** The account that it is about; null: none, or several. */
  readonly accountId: string | null;
  /** JSON text, without the reason; null: the request has no body. */
  readonly body: string | null;
  readonly requestId: string;
};

/** `status` is that of the answer; null: the write still runs, or what became of it is unknown. */
export type Change = AskedChange & { readonly changeId: number; readonly atMs: number; readonly status: number | null };

export type ChangesQuery = {
  /** Absent: all. */
  readonly accountId?: string | undefined;
  readonly actor?: string | undefined;
  /** Only changes with a smaller id. */
  readonly before?: number | undefined;
  readonly limit: number;
};

/** @returns the id of the row. */
export async function insertChange(db: Db, asked: AskedChange): Promise<string> {
  const { rows } = await db.raw<{ rows: { change_id: string }[] }>(
    `insert into changes (actor, actor_kind, reason, method, path, account_id, body, request_id)
     values (:actor, :actorKind, :reason, :method, :path, :accountId, :body, :requestId) returning change_id`, { ...asked },
  );
  return rows[0]?.change_id ?? '';
}

export async function endChange(db: Db, changeId: string, status: number): Promise<void> {
  await db.raw('update changes set status = :status::integer where change_id = :changeId::bigint', { changeId, status });
}

/** The status of a write that changed nothing. The row stays, because the application may delete none; it is not read. */
const NOTHING_CHANGED = 0;
export const dropChange = (db: Db, changeId: string): Promise<void> => endChange(db, changeId, NOTHING_CHANGED);

type Row = {
  readonly change_id: string; readonly at_ms: string; readonly actor: string; readonly actor_kind: AskedChange['actorKind'];
  readonly reason: string | null; readonly method: string; readonly path: string; readonly account_id: string | null;
  readonly body: string | null; readonly request_id: string; readonly status: number | null;
};

/** Changes, the newest first. */
export async function readChanges(db: Db, { accountId, actor, before, limit }: ChangesQuery): Promise<readonly Change[]> {
  const { rows } = await db.raw<{ rows: Row[] }>(
    `select change_id, (extract(epoch from at) * 1000)::bigint as at_ms, actor, actor_kind, reason, method, path, account_id, body,
            request_id, status
       from changes
      where status is distinct from ${NOTHING_CHANGED}
        ${accountId === undefined ? '' : 'and account_id = :accountId'}
        ${actor === undefined ? '' : 'and actor = :actor'}
        ${before === undefined ? '' : 'and change_id < :before::bigint'}
      order by change_id desc limit :limit::integer`,
    { limit, accountId: accountId ?? '', actor: actor ?? '', before: before ?? 0 },
  );
  return rows.map((row) => ({
    changeId: Number(row.change_id), atMs: Number(row.at_ms), actor: row.actor, actorKind: row.actor_kind, reason: row.reason,
    method: row.method, path: row.path, accountId: row.account_id, body: row.body, requestId: row.request_id, status: row.status,
  }));
}
