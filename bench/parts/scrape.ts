import { createMetrics } from '../../src/kit/metrics/metrics.js';
import type { Part } from '../part.js';

/**
 * What a scrape of a busy process costs its event loop: processor time to make the text of about 8 000 lines, each value of which
 * has changed, as a multiple of what it takes to join the same lines with numbers that are at hand.
 */
export const scrape: Part = {
  name: 'scrape',
  about: 'processor time of a scrape of 8 000 lines',
  isQuick: false,
  run: async () => {
    const metrics = createMetrics({ version: '1' });
    const touch = (): void => {
      for (let route = 0; route < ROUTES; route += 1) metrics.http.route('GET', `/route/${route}`)('200', Math.random());
    };
    touch();
    const lines = (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const keys = lines.map((line) => line.slice(0, line.lastIndexOf(' ')));
    const values = lines.map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
    const join = (): number => keys.map((key, index) => `${key} ${values[index] ?? 0}`).join('\n').length;
    const [scrapes, ratios]: [number[], number[]] = [[], []];
    for (let round = -WARM_UP; round < ROUNDS; round += 1) {
      touch();
      const [ofScrape, ofJoin] = [await processorMs(() => metrics.text()), await processorMs(join)];
      if (round < 0) continue;
      scrapes.push(ofScrape);
      ratios.push(ofScrape / ofJoin);
    }
    const limitedBy = 'reading each value and writing it as text';
    return {
      figures: [
        { id: '', name: `a scrape of ${lines.length} lines, processor time`, unit: 'ms', values: scrapes, limitedBy },
        { id: '', name: 'a scrape ÷ joining its lines', unit: '', values: ratios, limitedBy },
      ],
      tables: [], problems: [],
    };
  },
};

const ROUTES = 500;
const WARM_UP = 10;
const ROUNDS = 100;

async function processorMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
