import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { Redis } from 'ioredis';
import type { Address } from '../../src/stores/redis/location.js';
import { locationOf } from './redis-address.js';

export type RedisMonitor = {
  /** Resolves when it has told of every command that Redis answered before this call. */
  readonly toldOfAll: () => Promise<void>;
  readonly close: () => void;
};

type Login = { readonly username?: string; readonly password?: string };

/**
 * Every command that Redis runs (each server of it) from now on, a line each, as MONITOR tells them:
 * `+1700000000.000000 [0 127.0.0.1:1] "get" "key"`, with `lua` in the place of the address for a command of a script. The order is
 * that of a server; the lines of several servers are mixed.
 */
export async function redisMonitor(url: string, onLine: (line: string) => void): Promise<RedisMonitor> {
  const location = locationOf(url);
  const { hostname, port, username, password } = new URL(location.kind === 'server' ? url : 'redis://localhost');
  const ofOne = { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  const monitors = await Promise.all(location.kind === 'cluster'
    ? location.nodes.map((address) => monitorOf(address, { password: location.password ?? '' }, onLine))
    : [monitorOf({ host: hostname, port: Number(port) }, ofOne, onLine)]);
  return {
    toldOfAll: async () => { await Promise.all(monitors.map((each) => each.toldOfAll())); },
    close: () => { for (const each of monitors) each.close(); },
  };
}

async function monitorOf(address: Address, login: Login, onLine: (line: string) => void): Promise<RedisMonitor> {
  const marks = new Map<string, () => void>();
  const close = await openMonitor(address, login, (line) => {
    const mark = /"ping" "(mark-[^"]+)"$/i.exec(line)?.[1];
    if (mark === undefined) onLine(line);
    else marks.get(mark)?.();
  });
  const marker = new Redis({ ...address, ...login });
  return {
    toldOfAll: async () => {
      const mark = `mark-${randomUUID()}`;
      const told = new Promise<void>((resolve) => { marks.set(mark, resolve); });
      await marker.ping(mark);
      await told;
      marks.delete(mark);
    },
    close: () => {
      marker.disconnect();
      close();
    },
  };
}

/** On a socket of its own, because ioredis fails when the first lines arrive together with the answer to MONITOR. Returns what ends it. */
async function openMonitor(
  { host, port }: Address, { username = '', password = '' }: Login, onLine: (line: string) => void,
): Promise<() => void> {
  const words = [username, password].filter((part) => part !== '').join(' ');
  const sent = [...(words === '' ? [] : [`AUTH ${words}`]), 'MONITOR'];
  const socket = connect(port, host).setEncoding('utf8');
  let rest = '';
  let answers = 0;
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject).on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (answers === sent.length) onLine(line);
        else if (line !== '+OK') reject(new Error(line));
        else {
          answers += 1;
          if (answers === sent.length) resolve();
        }
      }
    });
    socket.write(sent.map((command) => `${command}\r\n`).join(''));
  });
  return () => { socket.destroy(); };
}
