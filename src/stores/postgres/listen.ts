import pg from 'pg';

export type Listening = { close(): Promise<void> };

export type ListenDeps = {
  readonly databaseUrl: string;
  readonly channel: string;
  /** Called for every message, and after every connect, because messages may have been missed. */
  readonly onNotice: () => void;
};

const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_MS = 1_000;

/**
 * Listens on a Postgres channel over a connection of its own, because a pool does not keep a LISTEN on its connections.
 * It only makes updates arrive sooner: a connection that is silently dead, or a pooler that does not support LISTEN, is
 * not detected here, so the caller must also poll.
 */
export function listenToPostgres({ databaseUrl, channel, onNotice }: ListenDeps): Listening {
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  let client: pg.Client | undefined;

  const open = async (): Promise<void> => {
    const next = new pg.Client({
      connectionString: databaseUrl, application_name: 'credit-gateway-listen', connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
    });
    client = next;
    next.on('error', () => undefined); // `end` follows
    next.on('notification', onNotice);
    next.on('end', () => {
      if (!isClosed && client === next) again();
    });
    await next.connect();
    await next.query(`listen ${next.escapeIdentifier(channel)}`);
    onNotice();
  };
  const again = (): void => {
    clearTimeout(timer);
    client = undefined;
    timer = setTimeout(connect, RECONNECT_MS).unref();
  };
  const connect = (): void => {
    const attempt = open();
    const mine = client;
    attempt.catch(() => {
      mine?.end().catch(() => undefined);
      if (!isClosed && client === mine) again();
    });
  };
  connect();

  return {
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      await client?.end().catch(() => undefined);
    },
  };
}
