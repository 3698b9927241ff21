import type { OpenApi } from './types.js';

/** The two documents: the native API with what operates the gateway, and the APIs of the services before it. */
export type Edition = 'native' | 'legacy';

export const DOCUMENT_PATHS: Readonly<Record<Edition, string>> = { native: '/openapi.json', legacy: '/openapi-legacy.json' };

const CALLERS = `**Who is calling.** Send \`Authorization: Bearer <JWT>\`. A user's account is the subject of the token.`;

const NATIVE = `Tells a chat proxy whether a user may spend, and is told what it came to: place a hold before a request, report its usage
while it streams, settle it after.

${CALLERS}
Services send an API key as \`Authorization: Bearer <key>\` and name the \`account\`.

**Amounts** are credits, as decimal text with at most six decimals, such as \`"7.5"\`. Nothing is rounded behind your back.
**Times** are RFC 3339 in UTC.

**Repeating is safe.** Holds are known by their id, everything else by an \`Idempotency-Key\`. A repeat gets the first answer,
marked \`Idempotency-Replayed: true\`.

**Failures** are problem details (RFC 9457), \`Problem\`: branch on \`code\`, look for the field in \`errors\`;
[all codes](/docs/errors). A 503 says in \`outcome\` whether anything may have happened. Members that a body does not have are refused.

Every answer has an \`X-Request-Id\`, which names the request in the logs: yours, if you sent one.

The routes of the services before this API have a [document of their own](/openapi-legacy.json).`;

const LEGACY = `**Legacy.** The routes of the services that came before \`/v1\`, for callers that move in. New callers use
[\`/v1\`](/openapi.json).

${CALLERS} Servers of the credits process send an \`x-server-api-key\`.

**Amounts** are numbers of credits with at most six decimals. Nothing is rounded behind your back. **Times** are RFC 3339 in UTC.

**Repeating is safe.** Sessions are known by their id, everything else by an \`Idempotency-Key\`. A repeat gets the first answer,
marked \`Idempotency-Replayed: true\`.

**Failures** are \`Error\` (\`TextError\` has its code in \`code\`): show \`message\`, branch on \`error\`, look for the field in
\`sources\`. A 503 says in \`outcome\` whether anything may have happened. Members that a body does not have are ignored.

Every answer has an \`X-Request-Id\`, which names the request in the logs: yours, if you sent one.`;

/** Title and text of a document. */
export const aboutOf = (edition: Edition): Pick<OpenApi['info'], 'title' | 'summary' | 'description'> => (edition === 'native'
  ? { title: 'credit-gateway', summary: 'Credits for AI products: check, hold, settle.', description: NATIVE }
  : { title: 'credit-gateway, legacy APIs', summary: 'The APIs of the services before /v1.', description: LEGACY });
