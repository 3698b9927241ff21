/** The text a new user sees when the embedded gateway is up: one message from grant to settlement, ready to paste. */
export function welcome(port: number): string {
  const url = `http://localhost:${port}`;
  const json = `-H 'content-type: application/json'`;
  return `
credit-gateway is ready at ${url}

In another terminal, in this folder, mint two tokens:

  ADMIN=$(npm run -s token -- --sub ops --role admin); ALICE=$(npm run -s token -- --sub alice --role user)

Grant alice 100 credits, hold what a message may cost, settle what it did cost:

  curl -s ${url}/api/credits/allocate -H "authorization: Bearer $ADMIN" ${json} -d '{"userId":"alice","credits":100}'
  curl -s ${url}/api/streaming-sessions/initialize -H "authorization: Bearer $ALICE" ${json} \\
    -d '{"sessionId":"message-1","modelId":"gpt-4","estimatedTokens":1500}'
  curl -s ${url}/api/streaming-sessions/finalize -H "authorization: Bearer $ALICE" ${json} \\
    -d '{"sessionId":"message-1","actualTokens":1200}'

What Postgres remembers of it:

  curl -s ${url}/v1/entries -H "authorization: Bearer $ALICE"

In a browser: ${url}/console, with that admin's token, and ${url}/docs.

Ctrl-C stops everything; the data stays.
`;
}
