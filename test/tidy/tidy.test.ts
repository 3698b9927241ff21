import { describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { projectRoot } from '../../src/kit/paths.js';
import { ALWAYS_WRITTEN, REPLAYABLE } from '../../src/ledger/account-scripts.js';
import { ENTRY_LINES, ENTRY_TEXTS } from '../../src/ledger/entry.js';
import { AMOUNTS, BALANCES, FIGURES, KEPT } from '../../src/ledger/figures.js';
import { readLua } from '../../src/stores/redis/lua-source.js';

/** Rules that matter are tests (CONTRIBUTING.md#tests). Each answers with the places that break it, so that a failure says where. */

const LINES_MAX = 300;

type Source = { readonly path: string; readonly text: string };

const sources = (folder: string, suffix: string): Source[] =>
  readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(suffix))
    .map((name) => {
      const path = join(projectRoot, folder, name);
      return { path: relative(projectRoot, path), text: readFileSync(path, 'utf8') };
    });

const typescript = [...sources('src', '.ts'), ...sources('grafana', '.ts')];
const lua = sources('lua', '.lua');
const scripts = lua.filter(({ path }) => !path.includes('includes/'));

const broken = (files: readonly Source[], isBroken: (file: Source) => boolean): string[] => files.filter(isBroken).map(({ path }) => path);

test(`no source file is longer than ${LINES_MAX} lines`, () => {
  expect(broken([...typescript, ...lua], ({ text }) => text.split('\n').length > LINES_MAX + 1)).toEqual([]);
});

test('only config.ts reads the environment', () => {
  expect(broken(typescript, ({ path, text }) => path !== 'src/config.ts' && text.includes('process.env'))).toEqual([]);
});

test('domain folders never ask the clock themselves', () => {
  const domain = /^src\/(credits|books|ledger|kit\/money)\//;
  expect(broken(typescript, ({ path, text }) => domain.test(path) && /Date\.now\(\)|new Date\(\)/.test(text))).toEqual([]);
});

test('no version in a file name, no barrel', () => {
  expect(broken([...typescript, ...lua], ({ path }) => /v\d+\.\w+$/i.test(path))).toEqual([]);
  expect(broken(typescript, ({ path }) => path.endsWith('/index.ts'))).toEqual([]);
});

test('every Lua script has a header that says what it is called with and what it answers', () => {
  for (const { path } of scripts) {
    const source = readLua(path.replace(/^lua\//, '').replace(/\.lua$/, ''));
    expect({ path, keys: source.keys.length > 0, args: source.args[0], replies: source.replies[0] })
      .toEqual({ path, keys: true, args: 'epoch', replies: 'fenced' });
  }
});

test('every status that a script returns is in its header, and the other way round', () => {
  for (const { path, text } of scripts) {
    const { replies } = readLua(path.replace(/^lua\//, '').replace(/\.lua$/, ''));
    const returned = new Set([...text.matchAll(/(?:return|reply =) \{\s*'([a-z_]+)'/g)].map(([, status]) => status ?? ''));
    expect({ path, statuses: [...returned].sort() }).toEqual({ path, statuses: [...replies].sort() });
  }
});

test('keys and arguments are bound once by name; no body uses a raw slot twice', () => {
  for (const { path, text } of scripts) {
    const body = text.replace(/--\[\[[\s\S]*?\]\]/, '');
    const uses = [...body.matchAll(/(?:KEYS|ARGV)\[\d+\]/g)].map(([slot]) => slot);
    expect({ path, twice: uses.filter((slot, index) => uses.indexOf(slot) !== index) }).toEqual({ path, twice: [] });
  }
});

test('no script makes a key of a declared one: only what is called a prefix is extended, and that is an argument', () => {
  const boundTo = (body: string, table: 'KEYS' | 'ARGV'): string[] =>
    [...body.matchAll(/local ([\w,\s]+?)\s*=\s*((?:[^\n=]*(?:KEYS|ARGV)\[\d+\][^\n=]*\n?)+)/g)].flatMap(([, names = '', values = '']) => {
      const slots = values.split(',');
      return names.split(',').map((name) => name.trim()).filter((_, index) => slots[index]?.includes(table) === true);
    });
  for (const { path, text } of scripts) {
    const body = text.replace(/--\[\[[\s\S]*?\]\]/, '').replace(/--.*$/gm, '');
    const keys = boundTo(body, 'KEYS');
    const extended = [...body.matchAll(/\b(\w+)\s*\.\.\s/g)].map(([, name = '']) => name);
    expect({ path, bound: keys.length > 0, extended: extended.filter((name) => keys.includes(name)) })
      .toEqual({ path, bound: true, extended: [] });
    expect({ path, prefixes: keys.filter((name) => name.includes('prefix')) }).toEqual({ path, prefixes: [] });
  }
});

test('no number becomes text but through numbers.text, and nothing goes through JSON', () => {
  const inNumbers = 'lua/includes/numbers.lua';
  expect(broken(lua, ({ path, text }) => path !== inNumbers && /tostring\(|cjson|%\.0f/.test(text.replace(/--.*$/gm, '')))).toEqual([]);
});

test('an include defines one table, named like its file', () => {
  const includes = lua.filter(({ path }) => path.includes('includes/'));
  for (const { path, text } of includes) {
    const name = path.replace(/^.*\//, '').replace(/\.lua$/, '');
    const globals = [
      ...text.matchAll(/^(?:local )?function ([a-z_]+)[.(]|^local ([a-z_]+) =/gm),
    ].map(([, table, local]) => table ?? local ?? '');
    expect({ path, tables: [...new Set(globals)] }).toEqual({ path, tables: [name] });
  }
});

test('the journal writes exactly the facts that the drainer reads, in their order', () => {
  const text = readFileSync(join(projectRoot, 'lua/includes/journal.lua'), 'utf8');
  const lines = text.slice(text.indexOf('local lines ='), text.indexOf('return {'));
  // The lines in the order in which the text makes them; a delta is a difference of two states. Some are text already.
  const texts: Readonly<Record<string, string>> = { kind: 'kind', seq: 'seq', now_text: 'at_ms', available: 'available_after' };
  const named = [...lines.matchAll(/\b(?:kind|seq|now_text|available)\b|after\.(\w+)(?: - before\.(\w+))?|facts\.(\w+)/g)]
    .map(([all, after, before, fact]) => {
      if (fact !== undefined) return fact;
      if (after === undefined) return texts[all];
      if (before !== undefined) return after === before ? after : all;
      return `${after}_after`;
    });
  expect(named).toEqual(ENTRY_LINES);
  expect(text).toContain('local seq, available = text(after.seq), text(after.available)');
  // Numbers become text by numbers.text alone.
  expect(lines.replaceAll(/text\((?:after\.\w+(?: - before\.\w+)?|facts\.\w+ or 0)\)/g, '')).not.toMatch(/after\.|facts\.\w+ or 0/);
  expect(lines.split('\\n')).toHaveLength(ENTRY_LINES.length);
  const written = [...text.slice(text.indexOf("'*',")).matchAll(/'([a-z_]+)', (?:lines|account_id|facts)/g)].map(([, field]) => field);
  expect(written).toEqual(['entry', ...ENTRY_TEXTS]);
  expect(ENTRY_LINES).toEqual(expect.arrayContaining([...AMOUNTS, ...BALANCES.map((name) => `${name}_after`)]));
});

test('a process has one shared drain and one freshen: only the composition makes them', () => {
  const makers = broken(typescript, ({ text }) => /(?<!function )\b(sharedDrain|freshen)\((?!\))/.test(text));
  expect(makers).toEqual(['src/compose/core.ts']);
});

describe('the Lua has the figures of ledger/figures.ts, in their order', () => {
  const figures = FIGURES.map(({ name }) => name);
  const include = (name: string): string => readFileSync(join(projectRoot, 'lua/includes', `${name}.lua`), 'utf8');
  const named = (text: string, pattern: RegExp): (string | undefined)[] => [...text.matchAll(pattern)].map(([, name]) => name);
  const body = (name: string): string => new RegExp(`^function account\\.${name}\\(.*?^end$`, 'ms').exec(include('account'))?.[0] ?? '';

  test('account.fields', () => {
    expect(named(/^account\.fields = \{(.*?)\}/ms.exec(include('account'))?.[1] ?? '', /'([a-z_]+)'/g)).toEqual(figures);
  });

  test('account.read takes each from its place', () => {
    const read = [...body('read').matchAll(/^ +([a-z_]+) = .*?values\[(\d+)\]/gm)].map(([, name, place]) => [name, Number(place)]);
    const fields = [...figures, 'limited', 'ruled', 'terms'];
    expect(read).toEqual(fields.map((name, index) => [name, index + 1]));
    expect(named(/'HMGET', account_key, (.*?)\)/s.exec(body('read'))?.[1] ?? '', /'([a-z_]+)'/g)).toEqual(fields);
    // An account that is not loaded is known by its missing seq.
    expect(body('read')).toContain(`if not values[${figures.indexOf('seq') + 1}] then return nil end`);
  });

  test('account.copy copies each', () => {
    expect(named(body('copy'), /\b([a-z_]+) = from\.\1\b/g)).toEqual(figures);
  });

  test('account.texts answers what the decoders expect', () => {
    expect(named(body('texts').split('return').pop() ?? '', /state\.([a-z_]+)/g)).toEqual(KEPT);
  });
});

test('every reply that wrote an entry ends with journal_id, and the ledger takes it as acknowledged', () => {
  const documented = scripts.flatMap(({ text }) =>
    [...text.matchAll(/^ {4}([a-z_]+) .*\bjournal_id\b/gm)].map(([, status]) => status ?? ''));
  expect([...new Set(documented)].sort()).toEqual([...REPLAYABLE, ...ALWAYS_WRITTEN].sort());
  for (const { path, text } of scripts) {
    // The first reply after each step that is written.
    const [, ...applied] = text.replace(/--\[\[[\s\S]*?\]\]/, '').split('step.apply(self)');
    const replies = applied.map((after) => /^[\s\S]*?\breturn\b[^\n]*/.exec(after)?.[0] ?? '');
    // nothing_due only corrects the time of the next sweep.
    const without = replies.filter((reply) => !/journal_id|'nothing_due'/.test(reply));
    expect({ path, without }).toEqual({ path, without: [] });
  }
});
