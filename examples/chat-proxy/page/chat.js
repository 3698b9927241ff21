/** The page of the demo: an ordinary client of /v1/chat/completions, and a view of what the proxy holds and charges. */

const POLL_MS = 150;
/** How long an end is waited for. The proxy asks a gateway that is away again for longer. */
const SETTLE_MS = 60_000;
const STORY_TOKENS = 1_000;
const ANSWER_TOKENS = 300;

const byId = (id) => document.getElementById(id);
const log = byId('log');
const question = byId('question');
const send = byId('send');
const scroller = document.querySelector('main');
const credits = (value) => Number(value).toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

const session = await (await fetch('/demo/session')).json();
const headers = { authorization: `Bearer ${session.key}`, 'content-type': 'application/json' };
const messages = [];
/** The request that streams, or null. */
let running = null;
/** The most credits that were seen: the full length of the bar. */
let whole = 0;
/** Answers may come in another order than their requests: an older one is not shown. */
let asked = 0;
let shown = 0;

byId('refill').textContent = `Add ${session.refill} credits`;

function element(kind, text) {
  const made = document.createElement('div');
  made.className = kind;
  made.textContent = text;
  byId('hello')?.remove();
  log.append(made);
  scroller.scrollTop = scroller.scrollHeight;
  return made;
}

function draw(bar, from, to) {
  const at = (value) => Math.max(0, (value / Math.max(whole, 0.01)) * 1_000);
  bar.setAttribute('x', String(at(from)));
  bar.setAttribute('width', String(Math.max(0, at(to) - at(from))));
}

/** Shows the balance and the holds. Answers the message with this id. */
async function refresh(id) {
  const turn = asked += 1;
  const state = await (await fetch('/demo/state', { headers })).json();
  if (turn > shown) {
    shown = turn;
    show(state);
  }
  return state.messages.find((each) => each.id === id);
}

function show(state) {
  const streaming = state.messages.filter((each) => each.state === 'streaming');
  const used = streaming.reduce((sum, each) => sum + Number(each.used), 0);
  const free = Number(state.available);
  const held = Math.max(0, Number(state.held) - used);
  whole = Math.max(whole, free + held + used);
  byId('balance').textContent = credits(free + held);
  byId('balance').classList.toggle('low', free + held < 1);
  byId('used').textContent = credits(used);
  byId('reserved').textContent = credits(held);
  byId('free').textContent = credits(free);
  draw(byId('bar-free'), 0, free);
  draw(byId('bar-reserved'), free, free + held);
  draw(byId('bar-used'), free + held, free + held + used);
  const [current] = streaming;
  if (current !== undefined) {
    byId('status').textContent = `Streaming: ${current.outputTokens} tokens, ${credits(current.used)} of ${credits(current.reserved)} credits on hold used`
      + (current.isFinal ? `. The last credits: cut at token ${current.stopAtTokens}` : '');
  }
}

/** Refreshes while an answer streams. */
async function follow(request) {
  while (running === request) {
    await refresh().catch(() => undefined);
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
  }
}

async function* chunks(response) {
  let rest = '';
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + part).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith('data: ') && line !== 'data: [DONE]') yield JSON.parse(line.slice('data: '.length));
    }
  }
}

async function ask(text) {
  const request = new AbortController();
  running = request;
  messages.push({ role: 'user', content: text });
  element('message user', text);
  const maxTokens = /story|long/i.test(text) ? STORY_TOKENS : ANSWER_TOKENS;
  send.textContent = 'Stop';
  send.classList.add('stop');
  let bubble;
  let id = '';
  let answer = '';
  try {
    const response = await fetch('/v1/chat/completions', {
      method: 'POST', headers, signal: request.signal,
      body: JSON.stringify({ model: session.model, messages, stream: true, max_tokens: maxTokens }),
    });
    if (!response.ok) throw new Error((await response.json()).error.message);
    id = response.headers.get('x-request-id') ?? '';
    bubble = element('message assistant streaming', '');
    const shown = document.createElement('span');
    shown.className = 'text';
    bubble.append(shown);
    void follow(request);
    for await (const { choices, error } of chunks(response)) {
      if (error !== undefined) throw new Error(error.message);
      answer += choices[0]?.delta?.content ?? '';
      shown.textContent = answer;
      scroller.scrollTop = scroller.scrollHeight;
    }
  } catch (error) {
    if (error.name !== 'AbortError') element('notice', error.message);
  }
  if (running === request) running = null;
  bubble?.classList.remove('streaming');
  if (answer !== '') messages.push({ role: 'assistant', content: answer });
  send.textContent = 'Send';
  send.classList.remove('stop');
  await showReceipt(id, bubble);
}

/** After an abort the proxy needs a moment to settle. */
async function showReceipt(id, bubble) {
  const until = performance.now() + SETTLE_MS;
  let ended = await refresh(id);
  while (ended?.state === 'streaming' && performance.now() < until) {
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
    ended = await refresh(id);
  }
  if (ended === undefined || bubble === undefined) {
    byId('status').textContent = 'No answer. Nothing was charged.';
    return;
  }
  if (ended.returned === null) {
    byId('status').textContent = 'The gateway has not taken the end of this message. The end of its hold decides what is charged.';
    return;
  }
  const receipt = document.createElement('div');
  receipt.className = 'receipt';
  const charged = document.createElement('strong');
  charged.textContent = `${credits(ended.used)} credits charged`;
  receipt.append(charged, ` ${ended.outputTokens} tokens `, `${credits(ended.returned)} of ${credits(ended.reserved)} returned`);
  for (const part of [...receipt.childNodes].slice(1)) {
    const span = document.createElement('span');
    span.textContent = part.textContent.trim();
    part.replaceWith(span);
  }
  bubble.append(receipt);
  if (ended.isCut) element('notice', 'Cut at the last credit. Nothing was given away, and nothing is owed.');
  byId('status').textContent = `Settled: ${credits(ended.used)} credits charged, ${credits(ended.returned)} returned from the hold`;
  scroller.scrollTop = scroller.scrollHeight;
}

function submit(text) {
  if (running !== null || text.trim() === '') return;
  question.value = '';
  void ask(text.trim());
}

byId('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  if (running === null) submit(question.value);
  else running.abort();
});
send.addEventListener('click', (event) => {
  if (running === null) return;
  event.preventDefault(); // an empty message must not keep the button from stopping
  running.abort();
});
question.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit(question.value);
});
for (const chip of document.querySelectorAll('.chip')) chip.addEventListener('click', () => { submit(chip.textContent); });
byId('refill').addEventListener('click', async () => {
  await fetch('/demo/refill', { method: 'POST', headers });
  await refresh();
  byId('status').textContent = `${session.refill} credits added`;
});
await refresh();
