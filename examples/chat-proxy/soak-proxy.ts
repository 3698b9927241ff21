/** One proxy process of the soak, which its parent kills. Settings come from the environment; it tells its address by IPC. */
import { CreditGateway } from '../../clients/typescript/src/index.js';
import { startChatProxy } from './proxy.js';

const { GATEWAY = '', KEY = '', UPSTREAM_URL = '', ACCOUNTS = '', LEASE_SECONDS = '5', PORT = '0' } = process.env;
process.on('disconnect', () => { process.exit(0); }); // the parent is gone

const proxy = await startChatProxy({
  credits: new CreditGateway({ baseUrl: GATEWAY, apiKey: KEY }), upstream: { url: UPSTREAM_URL }, port: Number(PORT),
  accounts: new Map(ACCOUNTS.split(',').map((account) => [`key-${account}`, account])), leaseSeconds: Number(LEASE_SECONDS),
    silenceMs: 5_000,
});
process.on('SIGTERM', () => { void proxy.close().then(() => { process.exit(0); }); });
process.send?.({ url: proxy.url });
