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

try {
  const { gatewayUrl, adminToken, port, model, upstream } = await settings();
  const { apiKey, revoke } = await prepareGateway({ url: gatewayUrl, adminToken, model, account: ACCOUNT, credits: CREDITS });
  const fake = upstream === undefined ? await startFakeUpstream({ models: [model] }) : undefined;
  const credits = new CreditGateway({ baseUrl: gatewayUrl, apiKey });
  const accounts = new Map([[DEMO_KEY, ACCOUNT]]);
  const proxy = await startChatProxy({
    credits, accounts, port, upstream: upstream ?? { url: fake?.url ?? '' },
    ...demo({ credits, accounts, key: DEMO_KEY, model, refill: CREDITS }),
  });
  say(`
The chat is at ${proxy.url}

Any OpenAI client works, too, for example:

  curl ${proxy.url}/v1/chat/completions -H 'authorization: Bearer ${DEMO_KEY}' -H 'content-type: application/json' \\
    -d '{"model":"${model}","stream":true,"messages":[{"role":"user","content":"Hello"}]}'

The account is ${ACCOUNT} in the console, ${gatewayUrl}/console. Ctrl-C stops the chat.
`);
  const stop = async (): Promise<void> => {
    await proxy.close();
    await fake?.close();
    await revoke();
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { void stop(); });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
