import { setTimeout as sleep } from 'node:timers/promises';

const EVERY_MS = 1_000;

/** Asks every second until it is so, for at most `seconds`. Answers whether it became so. */
export async function becomes(isSo: () => boolean | Promise<boolean>, seconds: number): Promise<boolean> {
  const deadline = performance.now() + seconds * 1_000;
  for (;;) {
    if (await isSo()) return true;
    if (performance.now() > deadline) return false;
    await sleep(EVERY_MS);
  }
}

export const say = (line: string): void => { process.stdout.write(`${line}\n`); };
