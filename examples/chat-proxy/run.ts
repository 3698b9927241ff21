/**
 * `npm run chat`: the chat proxy with its page, in front of the gateway that `npm start` runs. Without UPSTREAM_URL it brings
 * its own made-up provider. README.md of this folder has the settings.
 */
import { CreditGateway } from '../../clients/typescript/src/index.js';
import { demo } from './demo.js';
import { startFakeUpstream } from './fake-upstream.js';
import { startChatProxy } from './proxy.js';
import { settings } from './settings.js';
import { prepareGateway } from './setup.js';

const DEMO_KEY = 'demo-alice';
const ACCOUNT = 'demo:alice';
/** About six answers of the made-up provider, or half a story. */
const CREDITS = '12';

const say = (line: string): void => { process.stdout.write(`${line}\n`); };

/** What is open, to be closed in reverse. */
const open: (() => Promise<void>)[] = [];
const closeAll = async (): Promise<void> => { for (const close of open.toReversed()) await close(); };

try {
  const { gatewayUrl, adminToken, port, model, upstream } = await settings();
  const fake = upstream === undefined ? await startFakeUpstream({ models: [model] }) : undefined;
  if (fake !== undefined) open.push(() => fake.close());
  let tellKey: (key: string) => void = () => undefined;
  const key = new Promise<string>((resolve) => { tellKey = resolve; }); // requests that come before the key wait for it
  const credits = new CreditGateway({ baseUrl: gatewayUrl, apiKey: () => key });
  const accounts = new Map([[DEMO_KEY, ACCOUNT]]);
  const proxy = await startChatProxy({
    credits, accounts, port, upstream: upstream ?? { url: fake?.url ?? '' },
    ...demo({ credits, accounts, key: DEMO_KEY, model, refill: CREDITS }),
  }).catch((error: unknown) => {
    throw new Error(`Port ${port} cannot be used; does another chat run? Set CHAT_PORT to another one. ${String(error)}`, { cause: error });
  });
  open.push(() => proxy.close());
  // The port comes first: this revokes the key of a chat that was killed, and must not take it from one that runs.
  const prepared = await prepareGateway({ url: gatewayUrl, adminToken, model, account: ACCOUNT, credits: CREDITS });
  tellKey(prepared.apiKey);
  say(`
The chat is at ${proxy.url}

Any OpenAI client works, too, for example:

  curl ${proxy.url}/v1/chat/completions -H 'authorization: Bearer ${DEMO_KEY}' -H 'content-type: application/json' \\
    -d '{"model":"${model}","stream":true,"messages":[{"role":"user","content":"Hello"}]}'

The account is ${ACCOUNT} in the console, ${gatewayUrl}/console. Ctrl-C stops the chat.
`);
  const stop = async (): Promise<void> => {
    await closeAll();
    await prepared.revoke();
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { void stop(); });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  await closeAll();
  process.exitCode = 1;
}
