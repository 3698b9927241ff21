import { ReplyError } from 'ioredis';

/** By which a node of a cluster says that another one has the slot. The command was not executed. */
export type Redirect = { readonly kind: 'moved' | 'ask'; readonly slot: number; readonly address: string };

const REDIRECT = /^(MOVED|ASK) (\d{1,5}) (\S+)$/;

export function redirectOf(error: unknown): Redirect | null {
  const match = error instanceof ReplyError ? REDIRECT.exec((error as Error).message) : null;
  return match === null ? null : { kind: match[1] === 'MOVED' ? 'moved' : 'ask', slot: Number(match[2]), address: match[3] ?? '' };
}

/** Whether keys of a command are on two nodes, because their slot is being moved. The command was not executed. */
export const isHalfMoved = (error: unknown): boolean => error instanceof ReplyError && (error as Error).message.startsWith('TRYAGAIN');

/** Enough to follow a slot that moves again while it is followed. */
export const REDIRECTS_MAX = 4;

/** Begins like ioredis' message for a command that was never sent (redis-away.ts, guarded-client.ts). */
export const noServer = (): Error => new Error("Stream isn't writeable: no server of this slot is connected");
