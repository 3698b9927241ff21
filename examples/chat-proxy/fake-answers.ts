/** What the fake upstream says. The page of the demo offers questions that lead to each of them. */

const EXPLANATION = `Before your message went to the model, the proxy asked the gateway for a hold. The gateway priced the \
message, checked your balance and reserved what the answer may cost at most, in one atomic step.

While this text streams, the proxy counts its tokens and reports them. Nothing is charged yet: the hold only guarantees that \
what you read is paid for.

When I stop, the proxy settles. You are charged for exactly what was used, and the rest of the hold returns to your balance. \
If you close this page now, or if the proxy dies, the hold ends by itself and only what was reported is charged.`;

const STORY = `Once upon a time there was a small lighthouse at the end of a long stone pier. Its keeper was called Mara, and \
every evening she climbed one hundred and twelve steps to light the lamp. On clear nights she counted the ships. On foggy \
nights she counted the seconds between the foghorn and its echo, and so she knew how far away the cliffs were.

One autumn a storm came that was older than anyone in the village could remember. The waves rose over the pier, and the lamp \
went out. Mara took the last match from its box. She shielded it with her hand, and it burned just long enough. Far away, a \
ship turned its bow and found the channel.

In the morning the captain came ashore. He asked what he owed for the light. Mara thought about it. She had counted the hours \
of the night, the oil in the tank and the matches in the box, and she told him the exact price, not a penny more. The captain \
laughed, paid, and stayed for breakfast. `;
const CHAPTERS = 6;

const GREETING = 'Hello! This is a short answer, so most of the hold goes straight back to your balance.';

/** A long text for a story, a sentence for a greeting, and for anything else how the message is paid for. */
export function answerTo(question: string): string {
  if (/story|long/i.test(question)) return STORY.repeat(CHAPTERS);
  if (/^\W*(hi|hello|short)\b/i.test(question)) return GREETING;
  return EXPLANATION;
}
