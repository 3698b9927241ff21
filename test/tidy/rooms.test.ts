import { expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import ts from 'typescript';
import { projectRoot } from '../../src/kit/paths.js';

/** The shape of the source: which room imports which, and how long a line and a function may be. Failures list the places. */

/** Top to bottom. A file imports from its own room and from rooms below it. */
const ROOMS = ['cli', 'compose', 'worker', 'edge', 'credits', 'journal', 'books', 'config', 'ledger', 'stores', 'kit'] as const;
const DIALECTS: readonly string[] = ['accounting-service', 'credits-process', 'chatsparty', 'v1', 'queues', 'console'];
const COLUMNS_MAX = 140;
const FUNCTION_LINES_MAX = 70;

/** Functions that may be longer, each with its reason. A name that is no longer needed fails the test. */
const LONG_FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ['examples/observability/traffic.ts#startTraffic', 'one closure over one client: callers, turns and how they end'],
  ['src/compose/api.ts#openApi', 'opens the parts of the API one after the other, and closes them in reverse'],
  ['src/compose/core.ts#openParts', 'opens the parts of the core one after the other, and closes them in reverse'],
  ['src/journal/drain.ts#createDrain', 'one closure over the cursors of the shards'],
  ['src/ledger/bound-by-keys.ts#boundByKeys', 'one short method per operation of the port, within what was set aside'],
  ['src/ledger/key-spend.ts#keySpend', 'one short method per step, over the same window of a key'],
  ['src/ledger/lot-operations.ts#lotOperations', 'one short method per operation of the port, over the same scripts'],
  ['src/ledger/redis-ledger.ts#redisLedger', 'one short method per operation of the port, over the same scripts'],
  [
    'test/contract/seeds/invariants.test.ts##14 what remains, is reserved and was spent is what was credited: in any order, '
      + 'through a restart and a rebuild',
    'one history with a restart and a rebuild in it: its steps depend on each other',
  ],
  ['test/edge/openapi/shape.ts#problemsOf', 'the rules of OpenAPI from top to bottom, over one list of problems'],
  ['test/invariants/history.ts##apply', 'one case per operation of the model'],
  ['test/journal/simulated-account.ts#simulatedAccount', 'one short method per kind of entry, over one account'],
  ['test/lua/scenario.ts#run', 'one case per operation of the table'],
  ['test/upgrade/rolling.ts#rollingUpgrade', 'the steps of an upgrade and a rollback, in their order'],
  ['test/support/chat-proxy.ts#chatProxy', 'one short method per step of a proxy, over one set of counters'],
  ['test/support/durable-ledger.ts#durableLedger', 'opens the parts of a process one after the other, and closes them'],
  ['test/support/fake-gateway.ts#fakeGateway', 'one list of what the application is given'],
  ['test/support/fake-ledger.ts#fakeLedger', 'one short method per operation of the port'],
]);

type Source = { readonly path: string; readonly text: string; readonly tree: ts.SourceFile };

function read(folder: string, ending: RegExp): Source[] {
  if (!existsSync(join(projectRoot, folder))) return [];
  return readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' }).filter((name) => ending.test(name)).map((name) => {
    const file = join(projectRoot, folder, name);
    const path = relative(projectRoot, file).split(sep).join('/');
    const text = readFileSync(file, 'utf8');
    return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) };
  });
}

const src = read('src', /\.ts$/);
/** A migration that has run never changes, however long its lines are. */
const isMigration = ({ path }: Source): boolean => path.includes('/migrations/');

const programs = [
  ...src.filter((source) => !isMigration(source)),
  ...['test', 'scripts', 'bench', 'examples', 'clients/typescript/src', 'clients/typescript/generate']
    .flatMap((folder) => read(folder, /(?<!generated)\.(ts|mjs)$/)),
];

type Imports = { readonly files: readonly string[]; readonly packages: readonly string[] };

/** What a file imports: types too, dynamic imports and re-exports too. */
function importsOf({ path, tree }: Source): Imports {
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    const { parent } = node;
    const isSpecifier = ts.isStringLiteral(node) && (
      ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent)
      || (ts.isLiteralTypeNode(parent) && ts.isImportTypeNode(parent.parent))
      || (ts.isCallExpression(parent) && parent.expression.kind === ts.SyntaxKind.ImportKeyword)
    );
    if (isSpecifier) names.push(node.text);
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(tree, visit);
  const isOwn = (name: string): boolean => name.startsWith('.');
  return {
    files: names.filter(isOwn).map((name) => posix.join(posix.dirname(path), name).replace(/\.js$/, '.ts')),
    packages: names.filter((name) => !isOwn(name)),
  };
}

const imports = new Map(src.map((source) => [source.path, importsOf(source)]));

/** Every import between files of src, as `from -> to`, that a rule forbids. */
const forbidden = (isForbidden: (from: string, to: string) => boolean): string[] =>
  [...imports].flatMap(([from, { files }]) => files.filter((to) => isForbidden(from, to)).map((to) => `${from} -> ${to}`));

function roomOf(path: string): string {
  if (path === 'src/main.ts' || path === 'src/run.ts') return 'cli';
  if (path === 'src/config.ts') return 'config';
  return path.split('/')[1] ?? '';
}
const levelOf = (path: string): number => ROOMS.findIndex((room) => room === roomOf(path));

/** The folder below src/edge. */
const edgeOf = (path: string): string | undefined => /^src\/edge\/([^/]+)\//.exec(path)?.[1];
const isDialect = (folder: string | undefined): boolean => folder !== undefined && DIALECTS.includes(folder);

test('every file is in one of the rooms', () => {
  expect(src.filter(({ path }) => levelOf(path) === -1).map(({ path }) => path)).toEqual([]);
  expect(forbidden((_from, to) => !imports.has(to))).toEqual([]);
});

test('imports go downwards only', () => {
  expect(forbidden((from, to) => levelOf(to) < levelOf(from))).toEqual([]);
});

test('no files import each other in a circle', () => {
  const done = new Set<string>();
  const open: string[] = [];
  const circles: string[] = [];
  const visit = (path: string): void => {
    if (done.has(path)) return;
    if (open.includes(path)) {
      circles.push([...open.slice(open.indexOf(path)), path].join(' -> '));
      return;
    }
    open.push(path);
    for (const to of imports.get(path)?.files ?? []) visit(to);
    open.pop();
    done.add(path);
  };
  for (const path of imports.keys()) visit(path);
  expect(circles).toEqual([]);
});

test('dialects do not import each other, and what they share imports no dialect', () => {
  expect(forbidden((from, to) => isDialect(edgeOf(to)) && edgeOf(from) !== undefined && edgeOf(from) !== edgeOf(to))).toEqual([]);
});

test('use cases know no server, no driver and no metrics', () => {
  const drivers = /^(koa|@koa\/.*|ioredis|bullmq|knex|pg|amqplib)$/;
  const used = [...imports].filter(([path]) => roomOf(path) === 'credits')
    .flatMap(([path, { packages }]) => packages.filter((name) => drivers.test(name)).map((name) => `${path} -> ${name}`));
  expect(used).toEqual([]);
  expect(forbidden((from, to) => roomOf(from) === 'credits' && /^src\/(stores\/(redis|embedded)|kit\/metrics)\//.test(to))).toEqual([]);
});

test('only src/stores/redis knows the Redis client', () => {
  expect([...imports].filter(([path, { packages }]) => packages.includes('ioredis') && !path.startsWith('src/stores/redis/'))
    .map(([path]) => path)).toEqual([]);
  // A client by any other name: these files make connections, the others take the port (sharded-redis.ts).
  const names = 'cluster-nodes|commands|connect|deadline-redis|driver-options|many-servers|node-options|one-server|pipeline|slot-.*';
  const raw = new RegExp(`^src/stores/redis/(${names})\\.ts$`);
  expect(forbidden((from, to) => raw.test(to) && !from.startsWith('src/stores/redis/'))).toEqual([]);
});

test('the metrics catalogue imports only the form of a metric, which imports nothing: types of the domain live in the rooms', () => {
  const form = 'src/kit/metrics/metric-spec.ts';
  expect(imports.get('src/kit/metrics/catalogue.ts')).toEqual({ files: [form], packages: [] });
  expect(imports.get(form)).toEqual({ files: [], packages: [] });
});

test(`no line is longer than ${COLUMNS_MAX} characters`, () => {
  const long = [...programs, ...read('lua', /\.lua$/)].flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => (line.length > COLUMNS_MAX ? [`${path}:${index + 1}`] : [])));
  expect(long).toEqual([]);
});

/** What to call a function: its own name, that of what it is assigned to, or the title of the test that it is. */
function nameOf(node: ts.SignatureDeclaration): string {
  if (node.name !== undefined) return node.name.getText();
  const { parent } = node;
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) return parent.name.getText();
  const title = ts.isCallExpression(parent) ? parent.arguments[0] : undefined;
  return title !== undefined && ts.isStringLiteralLike(title) ? title.text : 'anonymous';
}

/** A `describe` block is a chapter, not a function: each test in it is held to the limit. */
const isChapter = ({ parent }: ts.Node): boolean => ts.isCallExpression(parent) && parent.expression.getText().includes('describe');

test(`no function is longer than ${FUNCTION_LINES_MAX} lines, but for those that are named here with a reason`, () => {
  const long: string[] = [];
  for (const { path, tree } of programs) {
    const visit = (node: ts.Node): void => {
      if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined && !isChapter(node)) {
        const [start, end] = [node.getStart(), node.end].map((at) => tree.getLineAndCharacterOfPosition(at).line) as [number, number];
        if (end - start + 1 > FUNCTION_LINES_MAX) long.push(`${path}#${nameOf(node)}`);
      }
      ts.forEachChild(node, visit);
    };
    visit(tree);
  }
  expect(long.sort()).toEqual([...LONG_FUNCTIONS.keys()].sort());
});
