import type { EventEmitter } from 'node:events';
import type { Client } from 'pg';
import type { Db } from './connect.js';

/** The part of knex' pool that is used here. knex leaves it untyped. */
type Pool = {
  on(event: 'createSuccess', listener: (event: number, client: Client) => void): void;
  on(event: 'createFail', listener: (event: number, error: unknown) => void): void;
};

/** Calls `seen` with every error that the server answers on a pool's connections, and with those of connecting. */
export function watchErrors(db: Db, seen: (error: unknown) => void): void {
  const { pool } = db.client as { readonly pool: Pool };
  pool.on('createSuccess', (_, client) => {
    (client as unknown as { readonly connection: EventEmitter }).connection.on('errorMessage', seen);
  });
  pool.on('createFail', (_, error) => { seen(error); });
}
