import { readFileSync } from 'node:fs';
import { hash } from 'node:crypto';
import { join } from 'node:path';
import { projectRoot } from '../../kit/paths.js';

/** A script ready to run, with the declarations of its header (CONTRIBUTING.md#lua-scripts): the header is the signature. */
export type LuaSource = {
  readonly name: string;
  readonly text: string;
  readonly sha1: string;
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly replies: readonly string[];
};

export const LUA_FOLDER = join(projectRoot, 'lua');
const INCLUDE = /^--- @include ([a-z-]+)$/;
/** In an include: what stands below is defined when it is first used. */
const ON_DEMAND = '\n--- @on-demand\n';

/** Reads `lua/<name>.lua`, expands its includes, and parses its header. Throws Error when any of it is malformed. */
export function readLua(name: string): LuaSource {
  const source = readFileSync(join(LUA_FOLDER, `${name}.lua`), 'utf8');
  const text = expandScript(source);
  const header = /^#!lua[^\n]*\n--\[\[([\s\S]*?)\n\]\]/.exec(source)?.[1];
  if (header === undefined) throw new Error(`lua/${name}.lua must start with a #!lua line and a header comment`);
  if (!header.trimStart().startsWith(`${name}: `)) throw new Error(`the header of lua/${name}.lua must begin with "${name}: "`);
  return {
    name,
    text,
    sha1: hash('sha1', text, 'hex'),
    keys: namesOf(name, header, 'KEYS'),
    args: namesOf(name, header, 'ARGV'),
    replies: repliesOf(header),
  };
}

/** What is defined when it is first used, by include. */
type OnDemand = Map<string, string>;

/** Replaces each `--- @include x` line of a script by `includes/x.lua`, and puts behind the last what they define on demand. */
function expandScript(text: string): string {
  const lines = text.split('\n');
  const last = lines.findLastIndex((line) => INCLUDE.test(line));
  if (last < 0) return text;
  const onDemand: OnDemand = new Map();
  const included = expandIncludes(lines.slice(0, last + 1).join('\n'), new Set(), onDemand);
  return [included, ...definedOnDemand(onDemand), ...lines.slice(last + 1)].join('\n');
}

/** Each include once per script and depth first, so that definitions precede uses. */
function expandIncludes(text: string, included: Set<string>, onDemand: OnDemand): string {
  return text
    .split('\n')
    .map((line) => {
      const name = INCLUDE.exec(line)?.[1];
      if (name === undefined) return line;
      if (included.has(name)) return '';
      included.add(name);
      const source = readFileSync(join(LUA_FOLDER, 'includes', `${name}.lua`), 'utf8');
      const [always = '', seldom] = expandIncludes(source, included, onDemand).split(ON_DEMAND);
      if (seldom !== undefined) onDemand.set(name, seldom);
      return sized(name, always);
    })
    .join('\n');
}

/**
 * Redis runs the whole text for each call, so every function of an include would be made, and collected again, for each call:
 * a seventh of what a hold costs. Those below the mark of an include are made together when one of them is first looked up. One
 * function makes them for all includes, because a function and a metatable for each include would be made for each call, too.
 */
function definedOnDemand(onDemand: OnDemand): string[] {
  if (onDemand.size === 0) return [];
  const branches = [...onDemand].map(([name, seldom], index) => `${index === 0 ? 'if' : 'elseif'} include == ${name} then\n${seldom}`);
  return [
    `local on_demand = { __index = function(include, wanted)
setmetatable(include, nil)
${branches.join('\n')}
end
return include[wanted]
end }`,
    ...[...onDemand.keys()].map((name) => `setmetatable(${name}, on_demand)`),
  ];
}

/** A table that grows field by field is reallocated at 1, 2, 4, 8 …: the one of an include begins with the fields that it gets. */
function sized(name: string, text: string): string {
  const fields = [...text.matchAll(new RegExp(`^(?:function )?${name}\\.(\\w+)(?:\\(| =)`, 'gm'))].map(([, field]) => `${field} = 0`);
  return text.replace(`local ${name} = {}`, `local ${name} = { ${fields.join(', ')} }`);
}

/** Names of the `KEYS[n] name …` lines, which must be numbered 1, 2, 3 …; `KEYS[8…]` names a list and is left out. */
function namesOf(script: string, header: string, table: 'KEYS' | 'ARGV'): string[] {
  const lines = [...header.matchAll(new RegExp(`^ *${table}\\[(\\d+)(…?)\\] +([a-z_0-9]+)`, 'gm'))];
  lines.forEach(([line, position], index) => {
    if (Number(position) !== index + 1) throw new Error(`lua/${script}.lua: ${line.trim()} should be number ${index + 1}`);
  });
  return lines.filter(([, , isList]) => isList === '').map(([, , , name]) => name ?? '');
}

/** First words of the lines below `Replies` that are indented by four. */
function repliesOf(header: string): string[] {
  const section = header.split(/^ {2}Replies$/m)[1] ?? '';
  return [...section.matchAll(/^ {4}([a-z_]+)/gm)].map(([, status]) => status ?? '');
}
