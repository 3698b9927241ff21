import pg from 'pg';

export type Listening = { close(): Promise<void> };

export type ListenDeps = {
  readonly databaseUrl: string;
  readonly channel: string;
  /** Called for every message, and after every connecting: something may have been missed. */
  readonly onNotice: () => void;
};

const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_MS = 1_000;

/**
 * Hears what Postgres sends on a channel, over a connection of its own: a pool would take the LISTEN away with the
 * connection. Only ever makes things faster. A connection that died silently, or a pooler in between that cannot LISTEN,
 * is not noticed here, so whoever listens must also look by itself.
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
