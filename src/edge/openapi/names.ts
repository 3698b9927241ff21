import type { Gate } from '../auth/allow.js';
import type { Tag } from './types.js';

/** `/v1`, the APIs of the services before it, and what is of neither. */
export type Api = 'native' | 'legacy' | 'operations';

type Chapter = Tag & { readonly api: Api; readonly prefixes: readonly string[] };

const OF_ACCOUNT = '/v1/accounts/:accountId';

/** The chapters; the first whose prefix fits a path has it. */
const CHAPTERS: readonly Chapter[] = [
  { api: 'native', name: 'Holds', description: 'Leases on credits: one call before a request, reports while it streams, one call after it.',
    prefixes: ['/v1/holds', '/v1/batch'] },
  { api: 'native', name: 'Charges and grants', description: 'Credits out and in, in one step.', prefixes: [
    '/v1/charges', '/v1/quotes', '/v1/grants', '/v1/refunds', '/v1/transfers',
  ] },
  { api: 'native', name: 'Limits and pools',
    description: 'What an account may spend in a window of time, what it allows its holds, and who spends from it.',
    prefixes: [`${OF_ACCOUNT}/limits`, `${OF_ACCOUNT}/members`, `${OF_ACCOUNT}/terms`, `${OF_ACCOUNT}/explain`] },
  { api: 'native', name: 'Accounts', description: 'Balances, lots, entries and receipts.', prefixes: [
    '/v1/accounts', '/v1/entries', '/v1/usage', '/v1/events',
  ] },
  { api: 'native', name: 'Services', description: 'API keys of services, and what they are told.',
    prefixes: ['/v1/api-keys', '/v1/webhooks'] },
  { api: 'native', name: 'Prices and plans', description: 'What is charged, and credits that come again each period. For operators.',
    prefixes: ['/v1/prices', '/v1/plans', '/v1/account-plans', '/v1/referrals', '/v1/models'] },
  { api: 'native', name: 'Operation of the ledger', description: 'Refusals and the state of the journal, for operators.',
    prefixes: ['/v1'] },
  { api: 'legacy', name: 'Legacy: credits',
    description: 'Accounting service and credit service: balances, costs, grants and charges.',
    prefixes: [
    '/api/credits/', '/credits/',
  ] },
  { api: 'legacy', name: 'Legacy: streaming sessions',
    description: 'Accounting service: hold the estimate of an answer, then charge its cost.',
    prefixes: ['/api/streaming-sessions'] },
  { api: 'legacy', name: 'Legacy: usage',
    description: 'Accounting service: usage records and statistics.',
    prefixes: ['/api/usage'] },
  { api: 'legacy', name: 'Legacy: credits process',
    description: 'For servers with an API key: start and end AI features, by HTTP and by queue.',
    prefixes: ['/api/credits-process', '/api/token-process', '/api/user-wallets', '/api/feature-usage-logs'] },
  { api: 'legacy', name: 'Legacy: administration',
    description: 'For administrators, unless a route says otherwise.',
    prefixes: ['/api/admin'] },
  { api: 'operations', name: 'Operations', description: 'Probes, metrics, and this document.', prefixes: ['/'] },
];

const GROUPS: Readonly<Record<Api, string>> = {
  native: 'Native API, /v1', operations: 'Operations', legacy: 'Legacy APIs, for callers that move in',
};

export const tags: readonly Tag[] = Object.keys(GROUPS).flatMap((api) =>
  CHAPTERS.filter((each) => each.api === api).map(({ name, description }) => ({ name, description })));

/** The chapters by API, of those that are used; readers of OpenAPI show `x-tagGroups` as headings. */
export const tagGroups = (used: ReadonlySet<string>): { readonly name: string; readonly tags: readonly string[] }[] =>
  Object.entries(GROUPS).map(([api, name]) => ({
    name, tags: CHAPTERS.filter((each) => each.api === api && used.has(each.name)).map((each) => each.name),
  })).filter(({ tags: own }) => own.length > 0);

const chapterOf = (path: string): Chapter | undefined =>
  CHAPTERS.find(({ prefixes }) => prefixes.some((prefix) => path.startsWith(prefix)));

export const tagOf = (path: string): string => chapterOf(path)?.name ?? 'Operations';

export const apiOf = (path: string): Api => chapterOf(path)?.api ?? 'operations';

/** `/a/:userId` as OpenAPI writes it: `/a/{userId}`. */
export const templateOf = (path: string): string => path.replaceAll(/:(\w+)/g, '{$1}');

/** The names of a path's parameters, in order. */
export const paramsOf = (path: string): string[] => [...path.matchAll(/:(\w+)/g)].map(([, name]) => name ?? '');

/** Who may call a route, in one or two words. */
export function gateName(gate: Gate): string {
  switch (gate.kind) {
    case 'roles':
      return gate.roles.join(', ');
    case 'server-key':
      return `server-key (${gate.scope})`;
    case 'callers':
      return `${gate.users ? 'user, ' : ''}service (${gate.scope ?? 'any scope'}), operator`;
    case 'public':
    case 'authenticated':
      return gate.kind;
  }
}

/** The same in a sentence. */
export function gateSentence(gate: Gate): string {
  switch (gate.kind) {
    case 'public':
      return 'Anyone may call this, without a token.';
    case 'authenticated':
      return 'Needs any valid token; it acts on the account of the token, whatever the request says.';
    case 'server-key':
      return `Needs an \`x-server-api-key\` with the scope ${gate.scope}; it acts on the account that the request names.`;
    case 'callers':
      return `${gate.users ? 'Users call this for their own account. ' : ''}Services need an API key${ofScope(gate.scope)}; `
        + `operators a token whose role is admin${gate.scope === 'read' ? ' or supervisor' : ''}.`;
    case 'roles':
      return `Needs a token whose role is ${gate.roles.join(' or ')}.`;
  }
}

const ofScope = (scope: string | null): string => (scope === null ? '' : ` with the scope ${scope}`);
