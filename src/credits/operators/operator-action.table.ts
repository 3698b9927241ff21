import type { Db } from '../../stores/postgres/connect.js';
import { fromMs } from '../../stores/postgres/unnest.js';

/** What an operator asked for in the console. */
export type OperatorAction = {
  /** Names the action: its line and the line of its end have the same. */
  readonly actionId: string;
  readonly actor: string;
  readonly role: string;
  readonly action: string;
  readonly accountId: string | null;
  /** The hold, the message or the page; '' for the account itself. */
  readonly target: string;
  /** What was entered. */
  readonly details: string;
  readonly reason: string;
  readonly requestId: string;
  /** A digest of the id of the session. */
  readonly session: string;
};

/** `unknown`: it may have been done. */
export type ActionEnd = 'done' | 'refused' | 'unknown';

export type RecordedAction = OperatorAction & {
  readonly id: number;
  readonly atMs: number;
  /** Null: it runs, or its process died. */
  readonly end: ActionEnd | null;
  readonly result: string | null;
};

/** Times are milliseconds since the epoch, `toMs` excluded. `text` is looked for in action, target, details and reason, in any case. */
export type ActionsQuery = {
  readonly actor?: string | undefined;
  readonly accountId?: string | undefined;
  readonly text?: string | undefined;
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  /** Only older ones than this. */
  readonly before?: number | undefined;
  readonly limit: number;
};

type Line = OperatorAction & { readonly stage: ActionEnd | 'asked' };

/** Writes one line. The table only grows. */
export async function insertOperatorAction(db: Db, line: Line): Promise<void> {
  await db.raw(
    `insert into operator_actions (action_id, stage, actor, role, action, account_id, target, details, reason, request_id, session)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      line.actionId, line.stage, line.actor, line.role, line.action, line.accountId, line.target, line.details, line.reason,
      line.requestId, line.session,
    ],
  );
}

/** What was asked for, the newest first, each with how it ended. */
export async function readOperatorActions(db: Db, query: ActionsQuery): Promise<readonly RecordedAction[]> {
  const wanted: (readonly [condition: string, ...values: (string | number)[]])[] = [];
  const { actor, accountId, text, before } = query;
  if (actor !== undefined) wanted.push(['actor = ?', actor]);
  if (accountId !== undefined) wanted.push(['account_id = ?', accountId]);
  if (text !== undefined) {
    wanted.push([`concat_ws(' ', action, target, details, reason) ilike ?`, `%${text.replace(/[\\%_]/g, String.raw`\$&`)}%`]);
  }
  if (query.fromMs !== undefined) wanted.push([`at >= ${fromMs('?::double precision')}`, query.fromMs]);
  if (query.toMs !== undefined) wanted.push([`at < ${fromMs('?::double precision')}`, query.toMs]);
  if (before !== undefined) wanted.push(['id < ?', before]);
  const { rows } = await db.raw<{ rows: RecordedAction[] }>(
    `select asked.id, asked.action_id as "actionId", extract(epoch from asked.at)::double precision * 1000 as "atMs", asked.actor,
            asked.role, asked.action, asked.account_id as "accountId", asked.target, asked.details, asked.reason,
            asked.request_id as "requestId", asked.session, ended.stage as "end", ended.details as result
       from (select * from operator_actions where stage = 'asked'${wanted.map(([condition]) => ` and ${condition}`).join('')}
              order by id desc limit ?) as asked
       left join lateral (select stage, details from operator_actions as later
                           where later.action_id = asked.action_id and later.stage <> 'asked' and later.id > asked.id
                           order by later.id limit 1) as ended on true
      order by asked.id desc`,
    [...wanted.flatMap(([, ...values]) => values), query.limit],
  );
  return rows;
}
