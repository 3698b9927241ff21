import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../../src/kit/paths.js';
import { openBooks, type Books } from '../../support/books.js';
import { checkPostgres } from '../../support/books-postgres.js';
import { checkRedis } from '../../support/books-redis.js';
import { finding } from '../../support/finding.js';
import { randomOf } from '../../support/random.js';
import type { Traffic } from './caller.js';
import { startClients, type Clients } from './clients.js';
import { keepEvidence } from './evidence.js';
import type { FaultDeps, Faults } from './breakage.js';
import { clusterFaults } from './cluster-faults.js';
import { faults } from './faults.js';
import { namedLosses } from './named-losses.js';
import type { Options } from './options.js';
import { openRecord } from './record.js';
import { figuresOf, tableOf, type Report } from './report.js';
import { openRedisNodes } from './redis-nodes.js';
import { openRedisPair } from './redis-pair.js';
import { openStage, type GatewayStage, type RedisOfStage } from './stage.js';
import { auditTold } from './told-audit.js';
import { readBooks } from './told-books.js';

const GAP_MS_MIN = 200;
const GAP_MS_MAX = 1_500;
const TELL_EVERY_MS = 10_000;
/** After this time all must be as it was: what was begun has ended, and every hold has come to its end. */
const HEALED_WITHIN_MS = 120_000;

/** Runs the chaos and audits the books. Returns the exit code: 0 when nothing was violated. */
export async function runChaos(options: Options): Promise<number> {
  const folder = join(projectRoot, '.cache/chaos', `${options.redis === 'cluster' ? 'cluster-' : ''}seed-${options.seed}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const startedMs = Date.now();
  const timeline: string[] = [];
  const note = (line: string): void => {
    timeline.push(`${new Date().toISOString()} ${line}`);
    console.error(`[${String(Math.round((Date.now() - startedMs) / 1_000)).padStart(4)} s] ${line}`);
  };
  const servers = options.redis === 'cluster' ? 'six nodes of Redis' : 'Redis, its replica';
  note(`seed ${options.seed}: starting ${servers}, Postgres, two APIs and two workers; evidence in ${folder}`);
  const { stage, faultsOf } = await setUp(options, folder);
  const books = openBooks({
    servers: { redisUrl: stage.auditUrl, databaseUrl: stage.postgres.ownerUrl }, namespace: stage.namespace, shards: stage.shards,
    nowMs: Date.now,
  });
  try {
    const report = await storm({ options, stage, faultsOf, books, note, folder });
    writeFileSync(join(folder, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
    writeFileSync(join(folder, 'timeline.log'), `${timeline.join('\n')}\n`);
    console.log(tableOf(report));
    console.log(JSON.stringify({ ...report, violations: report.violations.length }));
    const isClean = report.violations.length === 0;
    if (!isClean) await keepEvidence({ books, stage, folder });
    if (!isClean || options.keep) console.log(`evidence: ${folder}`);
    return isClean ? 0 : 1;
  } finally {
    await books.close();
    await stage.close();
    if (process.exitCode === undefined && !options.keep) note('done');
  }
}

type SetUp = { readonly stage: GatewayStage & RedisOfStage; readonly faultsOf: (deps: Omit<FaultDeps<unknown>, 'stage'>) => Faults };

async function setUp({ redis }: Options, folder: string): Promise<SetUp> {
  if (redis === 'cluster') {
    const stage = await openStage(folder, openRedisNodes);
    return { stage, faultsOf: (deps) => clusterFaults({ ...deps, stage }) };
  }
  const stage = await openStage(folder, openRedisPair);
  return { stage, faultsOf: (deps) => faults({ ...deps, stage }) };
}

type Run = SetUp & {
  readonly options: Options; readonly books: Books; readonly note: (line: string) => void; readonly folder: string;
};

async function storm({ options, stage, faultsOf, books, note, folder }: Run): Promise<Report> {
  const record = openRecord(join(folder, 'clients.jsonl'));
  const traffic: Traffic = { tries: 0, answers: 0, acknowledged: 0, refused: 0, unknown: 0, notExecuted: 0, pending: 0, slowestMs: 0 };
  const clients = startClients({ options, urls: stage.apis.map(({ url }) => url), apiKey: stage.apiKey, record, traffic });
  const random = randomOf(options.seed);
  const live = finding('after every fault, and when all is mended, everything comes to its end in time');
  const stuck: string[] = [];
  const serving = async (): Promise<void> => {
    if (await clients.load(HEALED_WITHIN_MS)) return;
    stuck.push(`some accounts were not served within ${HEALED_WITHIN_MS} ms after a loss`);
  };
  const injected = faultsOf({ keys: books.keys, random, note, serving });
  const telling = setInterval(() => {
    const { acknowledged, refused, unknown, notExecuted } = traffic;
    note(`${acknowledged} acknowledged, ${refused} refused, ${unknown} unknown, ${notExecuted} not executed`);
  }, TELL_EVERY_MS);

  const chosen = injected.names.filter((name) =>
    !options.without.includes(name) && (options.only.length === 0 || options.only.includes(name)));
  const endsMs = Date.now() + options.seconds * 1_000;
  for (let bag: string[] = []; Date.now() < endsMs && stuck.length === 0;) {
    if (bag.length === 0) bag = orderOf(chosen, injected.losing, random.next);
    const name = bag.shift();
    if (name !== undefined) await injected.inject(name);
    await new Promise((resolve) => { setTimeout(resolve, random.integer(GAP_MS_MIN, GAP_MS_MAX)); });
  }
  clearInterval(telling);
  live.compare(stuck.length === 0, () => stuck.join());
  const healMs = await heal({ injected, clients, books, note, live });
  const stored = await readBooks(books.db);
  const losses = namedLosses(stored, { keys: books.keys, taps: injected.taps, mayCause: injected.mayCause });
  const findings = [
    live.done(), ...await checkPostgres(books.db, Date.now()), ...await checkRedis(books.db, books.redis, books.keys),
    ...auditTold(record, stored, losses), ...losses.findings(),
  ];
  record.close();
  const swallowed = stage.proxies.reduce((total, proxy) => total + proxy.swallowed(), 0);
  return {
    redis: options.redis, seed: options.seed, seconds: options.seconds,
    figures: figuresOf({
      record, traffic, counts: injected.counts, books: stored, covered: losses.covered(), swallowed, healMs, findings,
    }),
    faults: Object.fromEntries(injected.counts),
    leftOut: [...(stage.fsync === null ? ['slow fsync: no gcc'] : []), ...injected.names.filter((name) => !chosen.includes(name))],
    violations: findings.filter(({ wrongCount }) => wrongCount > 0),
  };
}

type Healing = {
  readonly injected: Faults; readonly clients: Clients; readonly books: Books; readonly note: (line: string) => void;
  readonly live: ReturnType<typeof finding>;
};

/** Mends everything, and waits until it is quiet. Returns how long that took, in ms. */
async function heal({ injected, clients, books, note, live }: Healing): Promise<number> {
  note('no more faults: mending');
  await injected.healed();
  const startedMs = Date.now();
  live.compare(await clients.finish(HEALED_WITHIN_MS), () => `some clients have no definite answer after ${HEALED_WITHIN_MS} ms`);
  note('every client has its answers; waiting until everything is drained');
  live.compare(await clients.load(HEALED_WITHIN_MS), () => `some accounts are not served after ${HEALED_WITHIN_MS} ms`);
  const pending = async (): Promise<string> => {
    const { rows } = await books.db.raw<{ rows: { open: number }[] }>(`select count(*)::integer as open from holds where state = 'open'`);
    const holds = rows.flatMap(({ open }) => (open > 0 ? [`${open} open holds`] : []));
    return [await books.pending(), ...holds].filter((each) => each !== '').join();
  };
  let left = await pending();
  while (left !== '' && Date.now() - startedMs < HEALED_WITHIN_MS) {
    await new Promise((resolve) => { setTimeout(resolve, 200); });
    left = await pending();
  }
  live.compare(left === '', () => `still pending after ${HEALED_WITHIN_MS} ms: ${left}`);
  return Date.now() - startedMs;
}

/** Faults that lose data wait until all is well, so others come in between. */
const BETWEEN_LOSSES = 5;

function orderOf(names: readonly string[], lossy: ReadonlySet<string>, next: () => number): string[] {
  const losing = shuffled(names.filter((name) => lossy.has(name)), next);
  const others = shuffled(names.filter((name) => !lossy.has(name)), next);
  return others.flatMap((name, index) =>
    ((index + 1) % BETWEEN_LOSSES === 0 ? [name, ...losing.splice(0, 1)] : [name])).concat(losing);
}

function shuffled(items: readonly string[], next: () => number): string[] {
  const rest = [...items];
  return items.map(() => rest.splice(Math.floor(next() * rest.length), 1)[0] ?? '');
}
