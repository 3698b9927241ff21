import { connect } from 'node:net';
import type { Address } from '../../src/stores/redis/location.js';
import { locationOf } from './redis-address.js';

/**
 * Every command that Redis runs (each server of it) from now on, a line each, as MONITOR tells them:
 * `+1700000000.000000 [0 127.0.0.1:1] "get" "key"`, with `lua` in the place of the address for a command of a script. It has a
 * socket of its own, because ioredis fails when the first lines arrive together with the answer to MONITOR.
 */
export async function redisMonitor(url: string, onLine: (line: string) => void): Promise<{ readonly close: () => void }> {
  const location = locationOf(url);
  if (location.kind === 'server') {
    const { hostname, port, username, password } = new URL(url);
    const login = [username, password].filter((part) => part !== '').map(decodeURIComponent).join(' ');
    return monitorOf({ host: hostname, port: Number(port) }, login, onLine);
  }
  const servers = location.kind === 'cluster' ? location.nodes : [];
  const monitors = await Promise.all(servers.map((address) => monitorOf(address, location.password ?? '', onLine)));
  return { close: () => { for (const each of monitors) each.close(); } };
}

async function monitorOf(
  { host, port }: Address, login: string, onLine: (line: string) => void,
): Promise<{ readonly close: () => void }> {
  const sent = [...(login === '' ? [] : [`AUTH ${login}`]), 'MONITOR'];
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
  return { close: () => { socket.destroy(); } };
}
