import { isClone, tokenCommand } from '../kit/own-command.js';

/** The text a new user sees when the embedded gateway is up: one message from hold to settlement, ready to paste. As in the README. */
export function welcome(port: number, fromClone: boolean = isClone): string {
  const url = `http://localhost:${port}`;
  const token = tokenCommand(fromClone);
  return `
credit-gateway is ready at ${url}

In another terminal, in this folder, mint two tokens, and have curl send one of them:

  GATEWAY=${url}
  ADMIN=$(${token} --sub ops --role admin); ALICE=$(${token} --sub alice --role user)
  as() { curl -s -w '\\n%{http_code}\\n' -H "authorization: Bearer $1" -H 'content-type: application/json' "\${@:2}"; }

Set a price, in credits per million tokens, and grant alice 100 credits:

  as $ADMIN $GATEWAY/v1/prices/native -X PUT -d '{"model":"gpt-4o","prices":{"input":"2500","output":"10000"},"reason":"first price"}'
  as $ADMIN $GATEWAY/v1/grants -d '{"account":"alice","amount":"100","reason":"welcome"}'

Hold what a message may cost, report while it streams, settle what it did cost:

  as $ALICE $GATEWAY/v1/holds -d '{"id":"message-1","price":{"model":"gpt-4o","inputTokens":1000,"maxOutputTokens":1000}}'
  as $ALICE $GATEWAY/v1/holds/message-1/progress -d '{"usage":{"inputTokens":1000,"outputTokens":400}}'
  as $ALICE $GATEWAY/v1/holds/message-1/settle -d '{"usage":{"inputTokens":1000,"outputTokens":600},"reason":"completed"}'

What Postgres remembers of it:

  until as $ALICE $GATEWAY/v1/entries | grep '"kind":"settle"'; do sleep 1; done

${fromClone ? 'docs/guide.md goes on from here. ' : ''}In a browser: ${url}/console, with that admin's token, and ${url}/docs.

Ctrl-C stops everything; the data stays.
`;
}
