import { expect, test } from '@jest/globals';
import { pace } from '../../../src/stores/redis/pace.js';

/** A server that takes `perAnswerMs` for each answer. */
function lab() {
  let nowMs = 10_000;
  let waiting = 0;
  const { sent, answered, expectedMs } = pace(() => nowMs);
  return {
    pass: (ms: number) => { nowMs += ms; },
    send: (count: number) => { for (let each = 0; each < count; each += 1) sent(waiting += 1); },
    answer: (count: number, perAnswerMs: number) => {
      for (let each = 0; each < count; each += 1) {
        nowMs += perAnswerMs;
        answered(waiting -= 1);
      }
    },
    expectedMs: () => expectedMs(waiting),
  };
}

test('a call that is sent behind many waits for them as long as the ones before took', () => {
  const { send, answer, expectedMs } = lab();
  send(300);
  expect(expectedMs()).toBe(0); // nothing is known yet
  answer(200, 0.5);
  expect(expectedMs()).toBeCloseTo(100 * 0.5, 6);
  send(300);
  answer(200, 2); // it became slower
  expect(expectedMs()).toBeGreaterThan(200 * 1.4);
  expect(expectedMs()).toBeLessThan(200 * 2);
});

test('answers that arrive in bursts count as the time between the bursts', () => {
  const { send, answer, pass, expectedMs } = lab();
  send(400);
  for (let burst = 0; burst < 5; burst += 1) {
    pass(20);
    answer(40, 0);
  }
  expect(expectedMs()).toBeCloseTo(200 * 20 / 40, 6);
});

test('a server that stands still makes calls wait longer, with every moment', () => {
  const { send, answer, pass, expectedMs } = lab();
  send(164);
  answer(100, 0.1);
  pass(500);
  expect(expectedMs()).toBeGreaterThan(500);
});

test('callers that ask one by one, and what was measured before a pause, say nothing', () => {
  const { send, answer, pass, expectedMs } = lab();
  for (let call = 0; call < 100; call += 1) {
    send(1);
    answer(1, 20);
  }
  send(200);
  expect(expectedMs()).toBe(0);
  answer(200, 5);
  expect(expectedMs()).toBe(0);
  pass(2_000);
  send(200);
  expect(expectedMs()).toBe(0);
});
