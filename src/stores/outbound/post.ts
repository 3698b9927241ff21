import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { INTERNAL, isPublicAddress, problemOfUrl, resolveHost, type OutboundRules, type Resolve } from './public-address.js';

export type Post = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** What became of a request. `body`: the beginning of the answer, as text that can be stored. */
export type PostAnswer =
  | { readonly status: number; readonly body: string }
  /** No answer, and why: in words for the owner of the endpoint. */
  | { readonly status: null; readonly problem: string };

export type PostDeps = OutboundRules & {
  /** Asks DNS; by default the resolver of the system. */
  readonly resolve?: Resolve;
  /** Time for everything: DNS, the connection, the answer. */
  readonly timeoutMs?: number;
};

const TIMEOUT_MS = 10_000;
/** The beginning of an answer that is kept, in bytes. */
const KEPT_BYTES = 1_024;
/** An answer is not read beyond this. */
const READ_BYTES_MAX = 65_536;

/** Never throws: a failure of the other server is an answer too. */
export type SendPost = (post: Post) => Promise<PostAnswer>;

/**
 * Sends to a URL that a caller chose: to public addresses only, by a connection of its own that is pinned to the addresses that
 * were checked, bounded in time and size. A redirect is an answer like any other, and is not followed.
 */
export function sendPost({ allowsPrivate, resolve = resolveHost, timeoutMs = TIMEOUT_MS }: PostDeps): SendPost {
  const agent = new Agent({ keepAlive: false });
  const lookup = pinnedLookup(resolve, allowsPrivate);
  return async ({ url: text, headers, body }) => {
    const problem = problemOfUrl(text, { allowsPrivate });
    if (problem !== null) return { status: null, problem: `the URL ${problem}` };
    const url = new URL(text);
    const signal = AbortSignal.timeout(timeoutMs);
    const length = String(Buffer.byteLength(body));
    const options: RequestOptions = { method: 'POST', headers: { ...headers, 'content-length': length }, lookup, signal };
    try {
      const answer = await answerOf(url, options, agent, body);
      return { status: answer.statusCode ?? 0, body: await beginningOf(answer) };
    } catch (error) {
      return { status: null, problem: signal.aborted ? `no answer within ${timeoutMs / 1_000} seconds` : wordsOf(error) };
    }
  };
}

function answerOf(url: URL, options: RequestOptions, agent: Agent, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? httpsRequest(url, { ...options, agent }) : httpRequest(url, { ...options, agent: false });
    request.on('response', resolve);
    request.on('error', reject);
    request.end(body);
  });
}

class Internal extends Error {}

/** The only addresses that a connection may use. Node asks for those of names, and never for those of literal addresses. */
function pinnedLookup(resolve: Resolve, allowsPrivate: boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then((addresses) => {
      const [first] = addresses;
      if (first === undefined) throw new Error('its name has no address');
      // One internal address among public ones is refused with them: which is tried first is not for the name's owner to choose.
      if (!allowsPrivate && !addresses.every(({ address }) => isPublicAddress(address))) throw new Internal(`its name ${INTERNAL}`);
      if (options.all === true) callback(null, [...addresses]);
      else callback(null, first.address, first.family);
    }).catch((error: unknown) => { callback(error as NodeJS.ErrnoException, '', 0); });
  };
}

/** Reads no more than the bound and closes the connection. An answer that breaks off is what arrived of it. */
async function beginningOf(answer: IncomingMessage): Promise<string> {
  const kept: Buffer[] = [];
  let [keptBytes, bytes] = [0, 0];
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (keptBytes < KEPT_BYTES) {
        kept.push(chunk.subarray(0, KEPT_BYTES - keptBytes));
        keptBytes += kept.at(-1)?.length ?? 0;
      }
      if (bytes > READ_BYTES_MAX) break;
    }
  } catch {
    // The status has arrived, and decides.
  } finally {
    answer.destroy();
  }
  return Buffer.concat(kept).toString('utf8').replaceAll('\0', '\u{fffd}');
}

function wordsOf(error: unknown): string {
  if (error instanceof Internal) return error.message;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const [first] = error instanceof AggregateError ? error.errors as NodeJS.ErrnoException[] : [];
  if (CERTIFICATE.test(code)) return `its certificate is not trusted (${code})`;
  return WORDS[first?.code ?? code] ?? `the connection failed${code === '' ? '' : ` (${code})`}`;
}

/** The codes of OpenSSL and Node for a certificate that is refused. */
const CERTIFICATE = /CERT|^UNABLE_TO_VERIFY_LEAF_SIGNATURE$/;

const WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name is not known', EAI_AGAIN: 'its name could not be looked up', ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was closed before an answer', ETIMEDOUT: 'the connection timed out',
};
