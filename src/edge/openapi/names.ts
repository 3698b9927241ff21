import type { Gate } from '../auth/allow.js';
import type { Route } from '../http/routes.js';
import type { Tag } from './types.js';

/** The chapters of the document, in their order: the first whose prefix fits a path has it. */
const CHAPTERS: readonly (Tag & { readonly prefixes: readonly string[] })[] = [
  { name: 'Holds', description: 'Leases on credits while an answer is made.', prefixes: ['/v1/holds', '/v1/batch'] },
  { name: 'Charges and grants', description: 'Credits out and in, in one step.', prefixes: [
    '/v1/charges', '/v1/quotes', '/v1/grants', '/v1/refunds', '/v1/transfers',
  ] },
  { name: 'Accounts', description: 'Balances, lots, entries and receipts.', prefixes: [
    '/v1/accounts', '/v1/entries', '/v1/usage', '/v1/events',
  ] },
  { name: 'Services', description: 'API keys of services, and what they are told.', prefixes: ['/v1/api-keys', '/v1/webhooks'] },
  { name: 'Operation of the ledger', description: 'Prices, plans, refusals and the state of the journal, for operators.', prefixes: [
    '/v1',
  ] },
  { name: 'Credits', description: 'Accounting service and credit service: balances, costs, grants and charges.', prefixes: [
    '/api/credits/', '/credits/',
  ] },
  { name: 'Streaming sessions', description: 'Accounting service: hold the estimate of an answer, then charge its cost.', prefixes: [
    '/api/streaming-sessions',
  ] },
  { name: 'Usage', description: 'Accounting service: usage records and statistics.', prefixes: ['/api/usage'] },
  { name: 'Credits process', description: 'For servers with an API key: start and end AI features, by HTTP and by queue.', prefixes: [
    '/api/credits-process', '/api/token-process', '/api/user-wallets', '/api/feature-usage-logs',
  ] },
  { name: 'Administration', description: 'For administrators, unless a route says otherwise.', prefixes: ['/api/admin'] },
  { name: 'Operations', description: 'Probes, metrics, and this document.', prefixes: ['/'] },
];

export const tags: readonly Tag[] = CHAPTERS.map(({ name, description }) => ({ name, description }));

export const tagOf = (path: string): string =>
  CHAPTERS.find(({ prefixes }) => prefixes.some((prefix) => path.startsWith(prefix)))?.name ?? 'Operations';

/** `/a/:userId` as OpenAPI writes it: `/a/{userId}`. */
export const templateOf = (path: string): string => path.replaceAll(/:(\w+)/g, '{$1}');

/** The names of a path's parameters, in order. */
export const paramsOf = (path: string): string[] => [...path.matchAll(/:(\w+)/g)].map(([, name]) => name ?? '');

/** `GET /api/credits/balance/:userId` is `getApiCreditsBalanceByUserId`: what generators of clients call a function. */
export function operationIdOf({ method, path }: Pick<Route, 'method' | 'path'>): string {
  const words = path.split('/').flatMap((part) => (part.startsWith(':') ? ['by', part.slice(1)] : part.split(/[^A-Za-z0-9]+/)));
  return method.toLowerCase() + words.filter((word) => word !== '').map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

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
