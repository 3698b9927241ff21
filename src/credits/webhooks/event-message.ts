import type { StoredEvent } from '../../books/event.table.js';

/** An event as it is sent to endpoints and listed. */
export type EventMessage = {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly account: string;
  readonly data: object;
};

export const messageOf = ({ eventId, type, atMs, accountId, data }: Omit<StoredEvent, 'position'>): EventMessage => ({
  id: eventId, type, timestamp: new Date(atMs).toISOString(), account: accountId, data,
});
