/**
 * Meters a stream with the native API. Needs Node 20 and nothing else:
 *
 *     GATEWAY=http://localhost:3001 KEY=cgk_… node examples/metered-stream/metered-stream.mjs alice 600
 *
 * The stream is made up: `upstream` stands for the provider. docs/guide.md explains the steps.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

const { GATEWAY = 'http://localhost:3001', KEY = '' } = process.env;
const ATTEMPTS = 5;
const HEADROOM_TOKENS = 200;

/** Every call here may be repeated, because the hold has an id. So 503 and a lost connection are retried, nothing else is. */
async function call(path, body) {
  for (let attempt = 1; ; attempt += 1) {
    let seconds = 1;
    try {
      const response = await fetch(GATEWAY + path, {
        method: 'POST', headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify(body), signal: AbortSignal.timeout(5_000),
      });
      const answer = await response.json();
      if (response.ok) return answer;
      const problem = Object.assign(new Error(`${answer.code}: ${answer.detail}`), answer);
      if (response.status !== 503 || attempt === ATTEMPTS) throw problem;
      seconds = Number(response.headers.get('retry-after') ?? 1);
    } catch (error) {
      if (error.status !== undefined || attempt === ATTEMPTS) throw error;
    }
    await pause(seconds * 1_000);
  }
}

/** A provider that streams chunks of ten tokens. */
async function* upstream(tokens) {
  for (let sent = 0; sent < tokens; sent += 10) {
    await pause(2);
    yield { text: 'word '.repeat(10), tokens: Math.min(10, tokens - sent) };
  }
}

/**
 * Sends the chunks that the hold pays for.
 *
 * @returns how the hold ended, as POST /v1/holds/:id/settle answers it
 */
async function meter({ account, model, inputTokens, maxOutputTokens, chunks, send }) {
  const id = randomUUID();
  const hold = `/v1/holds/${id}`;
  // Starts with as much as is there, at least 50 tokens. 402 here: tell the user, and do not ask the provider.
  let lease = await call('/v1/holds', { id, account, price: { model, inputTokens, maxOutputTokens, minimumOutputTokens: 50 } });
  let outputTokens = 0;
  let reason = 'completed';
  const report = () => call(`${hold}/progress`, {
    account, usage: { inputTokens, outputTokens }, extend: { headroomTokens: HEADROOM_TOKENS },
  });
  try {
    for await (const chunk of chunks) {
      const isDue = Date.now() >= Date.parse(lease.reportBy);
      const isShort = outputTokens + chunk.tokens > lease.stopAtTokens;
      if (isDue || (isShort && !lease.final)) lease = await report();
      if (outputTokens + chunk.tokens > lease.stopAtTokens) {
        reason = 'cut_off';
        break;
      }
      outputTokens += chunk.tokens;
      send(chunk.text);
    }
  } catch (error) {
    await call(`${hold}/settle`, { account, usage: { inputTokens, outputTokens }, reason: 'provider_error' });
    throw error;
  }
  return { ...await call(`${hold}/settle`, { account, usage: { inputTokens, outputTokens }, reason }), outputTokens, reason };
}

const [account = 'alice', tokens = '600'] = process.argv.slice(2);
const ended = await meter({
  account, model: 'gpt-4o', inputTokens: 100, maxOutputTokens: 400, chunks: upstream(Number(tokens)), send: (text) => {
    if (process.stdout.isTTY) process.stdout.write(text);
  },
});
process.stdout.write(`${ended.reason}: ${ended.outputTokens} tokens, ${ended.captured} credits, ${ended.available} left\n`);
