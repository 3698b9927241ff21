import { ReplyError } from 'ioredis';
import { readLua } from './lua-source.js';

/** A script's reply: a status word, then values, all text. */
export type Reply = readonly [status: string, ...values: string[]];

/** The two commands that scripts need of a client: all that `Script.run` may use. */
export interface ScriptClient {
  evalsha(sha1: string, keyCount: number, ...keysAndArgs: (string | number)[]): Promise<unknown>;
  eval(text: string, keyCount: number, ...keysAndArgs: (string | number)[]): Promise<unknown>;
}

/** A script called with names, not positions (CONTRIBUTING.md#typescript): a missing or misspelled key does not compile. */
export type Script<Key extends string, Arg extends string> = {
  readonly name: string;
  /** Status words that its header documents. */
  readonly replies: readonly string[];
  run(
    client: ScriptClient, keys: Readonly<Record<Key, string>>, args: Readonly<Record<Arg, string | number>>, lists?: Lists,
  ): Promise<Reply>;
};

/** Keys and arguments that follow the named ones, for scripts that take lists. */
export type Lists = { readonly keys: readonly string[]; readonly args: readonly (string | number)[] };

const NO_LISTS: Lists = { keys: [], args: [] };

/**
 * Loads `lua/<name>.lua`. Throws at the start when the names differ from the script's header, so the two stay equal.
 *
 * Runs by EVALSHA; a Redis that has lost the script (restart, failover) gets it by EVAL, once: NOSCRIPT means that nothing
 * was executed, and it is the only error after which a mutation is sent again.
 */
export function defineScript<Key extends string, Arg extends string>(
  name: string,
  keyNames: readonly Key[],
  argNames: readonly Arg[],
): Script<Key, Arg> {
  const source = readLua(name);
  requireSame(name, 'keys', keyNames, source.keys);
  requireSame(name, 'arguments', argNames, source.args);
  return {
    name,
    replies: source.replies,
    run: async (client, keys, args, lists = NO_LISTS) => {
      const keyCount = keyNames.length + lists.keys.length;
      const values: (string | number)[] = [];
      for (const key of keyNames) values.push(keys[key]);
      for (const key of lists.keys) values.push(key);
      for (const arg of argNames) values.push(args[arg]);
      for (const arg of lists.args) values.push(arg);
      try {
        return (await client.evalsha(source.sha1, keyCount, ...values)) as Reply;
      } catch (error) {
        if (!isNoScript(error)) throw error;
        return (await client.eval(source.text, keyCount, ...values)) as Reply;
      }
    },
  };
}

const isNoScript = (error: unknown): boolean => error instanceof ReplyError && (error as Error).message.startsWith('NOSCRIPT');

function requireSame(script: string, what: string, ours: readonly string[], theirs: readonly string[]): void {
  if (ours.join() === theirs.join()) return;
  throw new Error(`${script}: ${what} are [${ours.join()}] in TypeScript but [${theirs.join()}] in Lua`);
}
