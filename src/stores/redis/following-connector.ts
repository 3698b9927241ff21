import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import { textOf, type Address, type TlsSettings } from './location.js';
import { DISCONNECT_TIMEOUT_MS, tlsSettings } from './node-options.js';

const RETRY_MS = 200;
/** How often a connection asks whether its server is still the master: one that hangs keeps its connections. */
const LOOK_EVERY_MS = 1_000;

type Connector = NonNullable<RedisOptions['Connector']>;

/**
 * Connects an ordinary client to the server that `find` names, after each loss to the one that it names then, and ends a
 * connection when it names another. For a master that Sentinels watch, and for the server of one slot of a Cluster.
 *
 * ioredis' own way to follow Sentinels is not used: its `failoverDetector` can end the client for good, when it tells of
 * a failover during a reconnection.
 */
export function followingConnector(find: () => Promise<Address>, tls: TlsSettings | undefined): Connector {
  return class extends AbstractConnector {
    #attempt = 0;

    constructor() {
      super(DISCONNECT_TIMEOUT_MS);
    }

    /** A server that was demoted since `find` named it is not used. */
    override check(info: { readonly role?: string }): boolean {
      return info.role === undefined || info.role === 'master';
    }

    override disconnect(): void {
      this.#attempt += 1;
      super.disconnect();
    }

    /** Repeats until it knows the server: an error that it threw would end the client for good. */
    override async connect(tell: (event: string, error: Error) => void): Promise<AbstractConnector['stream']> {
      const mine = this.#attempt += 1;
      for (;;) {
        const found = await find().catch((error: unknown) => error as Error);
        if (mine !== this.#attempt) throw new Error('Connection is closed.');
        if (!(found instanceof Error)) return this.#open(found);
        tell('error', found);
        await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
      }
    }

    #open(master: Address): AbstractConnector['stream'] {
      const stream = tls === undefined ? connectTcp(master) : connectTls({ ...master, ...tlsSettings(tls, master.host) });
      this.stream = stream;
      stream.once('error', (error: Error) => { this.firstError = error; });
      const looking = setInterval(() => {
        find().then((now) => { if (textOf(now) !== textOf(master)) stream.destroy(); }, () => undefined);
      }, LOOK_EVERY_MS).unref();
      stream.once('close', () => { clearInterval(looking); });
      return stream;
    }
  };
}
