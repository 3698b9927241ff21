import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import { DISCONNECT_TIMEOUT_MS, tlsSettings } from './node-options.js';
import type { Address, RedisLocation } from './location.js';
import { masterOf, readSlotMap, serversIn } from './slot-map.js';
import { slotOf } from './slots.js';

const RETRY_MS = 200;

type Connector = NonNullable<RedisOptions['Connector']>;

/**
 * Connects an ordinary client to the server that has the slot of one key, and after each loss to the one that has it
 * then. All keys of such a client must have this key's slot, as BullMQ's have by their prefix. It needs no redirects: one
 * that is answered ends the connection (`reconnectOnError`), and the next one goes to the right server.
 */
export function slotConnector(location: Extract<RedisLocation, { kind: 'cluster' }>, key: string): Connector {
  const slot = slotOf(key);
  let known: readonly Address[] = location.nodes;

  const find = async (): Promise<Address> => {
    const map = await readSlotMap(location, known).catch(() => readSlotMap(location, location.nodes));
    known = serversIn(map);
    const master = masterOf(map, slot);
    if (master === undefined) throw new Error(`no server has slot ${slot} of the cluster`);
    return master;
  };

  return class extends AbstractConnector {
    #attempt = 0;

    constructor() {
      super(DISCONNECT_TIMEOUT_MS);
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
      const { tls } = location;
      this.stream = tls === undefined ? connectTcp(master) : connectTls({ ...master, ...tlsSettings(tls, master.host) });
      this.stream.once('error', (error: Error) => { this.firstError = error; });
      return this.stream;
    }
  };
}
