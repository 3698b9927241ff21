import { hash } from 'node:crypto';
import { newId } from '../../kit/ids.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';

/**
 * Gives messages without a usage_key a name that survives their redelivery. Two equal messages are two usages; the same
 * message delivered twice is one. AMQP only says "redelivered", so every unnamed delivery leaves a row before it is
 * settled, which goes when the broker has its acknowledgement; a redelivered message takes over a row that another
 * connection left.
 *
 * No message is charged twice. What remains is the other side, for equal ones: those under way in two processes at the
 * instant one of them dies may be charged as one; and a worker that dies between acknowledging a message and crossing it
 * out leaves its row, which an equal message that is redelivered within a day may take for its own. Messages that differ,
 * in whatever field, have no such instant, nor have those with a usage_key or a message id.
 */
export type UnnamedDeliveries = {
  /** Throws GatewayError ledger_unavailable. */
  readonly name: (content: Uint8Array, isRedelivered: boolean) => Promise<string>;
  /** The broker has the message's acknowledgement. */
  readonly done: (name: string) => Promise<void>;
};

/** A row this old belongs to a message that was acknowledged by a process that then died. */
const FORGET_AFTER = `interval '1 day'`;

export const contentHash = (content: Uint8Array): string => hash('sha256', content, 'base64url');

export function unnamedDeliveries(db: Db, session: string): UnnamedDeliveries {
  return {
    name: async (content, isRedelivered) => {
      const digest = contentHash(content);
      try {
        if (isRedelivered) {
          const { rows } = await db.raw<{ rows: { name: string }[] }>(
            `update unnamed_deliveries set session = :session where delivery_id = (
               select delivery_id from unnamed_deliveries
                where content_hash = :digest and session <> :session and received_at > now() - ${FORGET_AFTER}
                order by received_at limit 1 for update skip locked)
             returning delivery_id as name`,
            { session, digest },
          );
          if (rows[0] !== undefined) return rows[0].name;
        }
        const name = newId();
        await db.raw(`insert into unnamed_deliveries (delivery_id, content_hash, session) values (?, ?, ?)`, [name, digest, session]);
        return name;
      } catch (error) {
        throw toGatewayError(error);
      }
    },
    done: async (name) => {
      await db.raw(`delete from unnamed_deliveries where delivery_id = ? or received_at < now() - ${FORGET_AFTER}`, [name]);
    },
  };
}
