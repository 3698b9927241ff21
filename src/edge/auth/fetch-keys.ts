import { importJWK, type JWK } from 'jose';

/** An answer that takes longer than this, its body included, counts as none. */
const TIMEOUT_MS = 2_000;
/** A key set is a few kilobytes. The rest of a longer answer is not read. */
const ANSWER_BYTES_MAX = 1_048_576;
const REDIRECTS_MAX = 3;
/** Key servers of many tenants have some dozens of keys. */
const KEYS_MAX = 1_000;

/** The algorithm of each kind of key that verifies tokens here. */
const ALGORITHMS: Readonly<Record<string, string>> = { RSA: 'RS256', EC: 'ES256' };

/**
 * The public keys at a URL that can verify RS256 or ES256. A key that cannot be used is left out and the others count.
 * Bounded in time, size and redirects; a redirect from https may only lead to https.
 *
 * @throws Error that says what is wrong with the answer.
 */
export async function fetchKeys(url: URL): Promise<JWK[]> {
  const body = parse(await fetchText(url));
  const listed = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)['keys'] : undefined;
  if (!Array.isArray(listed)) throw new Error('the answer is not a JSON Web Key Set');
  if (listed.length > KEYS_MAX) throw new Error(`the answer has more than ${KEYS_MAX} keys`);
  const keys = (await Promise.all(listed.map(usable))).filter((key) => key !== undefined);
  if (keys.length === 0 && listed.length > 0) throw new Error(`none of its ${listed.length} keys can verify RS256 or ES256`);
  return keys;
}

async function fetchText(url: URL): Promise<string> {
  const aborted = new AbortController();
  // Not AbortSignal.timeout within AbortSignal.any: Node may collect that as garbage, and then it never fires.
  const timer = setTimeout(() => { aborted.abort(new Error(`it took longer than ${TIMEOUT_MS} ms`)); }, TIMEOUT_MS);
  try {
    return await readBounded(await follow(url, aborted.signal));
  } finally {
    clearTimeout(timer);
    aborted.abort(); // closes the connection of an answer that was not read to its end
  }
}

async function follow(start: URL, signal: AbortSignal): Promise<Response> {
  let url = start;
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects += 1) {
    const response = await fetch(url.href, {
      signal, redirect: 'manual', headers: { accept: 'application/json, application/jwk-set+json' },
    });
    if (response.status === 200) return response;
    const location = response.headers.get('location');
    if (response.status < 300 || response.status > 399 || location === null) throw new Error(`it answered ${response.status}`);
    if (!URL.canParse(location, url.href)) throw new Error('it redirects to something that is no URL');
    const next = new URL(location, url.href);
    if (next.protocol !== 'https:' && next.protocol !== start.protocol) throw new Error(`it redirects to ${next.protocol}`);
    url = next;
  }
  throw new Error(`it redirects more than ${REDIRECTS_MAX} times`);
}

/** The answer as text, of which no more is read than the bound, whatever length it states and however it is compressed. */
async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body as AsyncIterable<Uint8Array> | null) ?? []) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is larger than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('the answer is not JSON');
  }
}

/** The public part of a key that Node can read; undefined for any other. Secrets and private keys do not belong in a public set. */
async function usable(listed: unknown): Promise<JWK | undefined> {
  if (typeof listed !== 'object' || listed === null) return undefined;
  const { kty, n, e, crv, x, y, ...about } = listed as JWK & { readonly kty: unknown };
  const algorithm = typeof kty === 'string' && Object.hasOwn(ALGORITHMS, kty) ? ALGORITHMS[kty] : undefined;
  if (algorithm === undefined || 'd' in about) return undefined;
  if (about.alg !== undefined && about.alg !== algorithm) return undefined;
  if (![...(kty === 'RSA' ? [n, e] : [crv, x, y])].every((each) => typeof each === 'string')) return undefined;
  const key: JWK = {
    kty, ...(kty === 'RSA' ? { n, e } : { crv, x, y }), alg: algorithm, use: about.use,
    ...(typeof about.kid === 'string' ? { kid: about.kid } : {}),
    ...(Array.isArray(about.key_ops) ? { key_ops: about.key_ops } : {}),
  } as JWK;
  if (key.use === undefined) delete key.use;
  try {
    await importJWK(key, algorithm);
    return key;
  } catch {
    return undefined;
  }
}
