import { ReplyError } from 'ioredis';
import type { Lists, Reply, Script, ScriptClient } from './script.js';

export type Gathering<Key extends string, Arg extends string> = {
  /** Keys and arguments that all calls of one group share. The script takes them first. */
  readonly shared: { readonly keys: readonly Key[]; readonly args: readonly Arg[] };
  /** Keys of what several calls of a group may be about, such as an account. The first tells it. They follow the shared ones. */
  readonly ownerKeys: readonly [Key, ...Key[]];
  /** Keys and arguments of one call. They follow. */
  readonly own: { readonly keys: readonly Key[]; readonly args: readonly Arg[] };
  /** Calls that are sent together, at most: Redis does nothing else meanwhile. */
  readonly atOnce: number;
};

type Keys<Key extends string> = Readonly<Record<Key, string>>;
type Args<Arg extends string> = Readonly<Record<Arg, string | number>>;

type Call<Key extends string, Arg extends string> = {
  readonly keys: Keys<Key>;
  readonly args: Args<Arg>;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
};

/** The error of one call as Redis would have answered it alone. ioredis declares its class as `any`. */
const failureOf = (script: string, [, message = '']: Reply): Error =>
  new (ReplyError as new (text: string) => Error)(`${script}: ${message}`);

/**
 * A script whose calls of one turn of the event loop are sent together, where they share what they must. Of each call after the
 * first it takes one argument with texts that each end with a NUL: where in KEYS those of its owner begin, where its own begin,
 * and its arguments, of which none has a NUL: the script must refuse another number of texts. One argument costs a fraction of
 * what two dozen do here. It answers `each` with a list of replies.
 * Every call gets its own reply, in the order of the calls. If the whole call fails, each of them fails.
 */
export function gathered<Key extends string, Arg extends string>(
  script: Script<Key, Arg>, { shared, ownerKeys, own, atOnce }: Gathering<Key, Arg>,
): Script<Key, Arg> {
  let groups: [Call<Key, Arg>, ...Call<Key, Arg>[]][] = [];

  const sharesAll = (one: Call<Key, Arg>, other: Call<Key, Arg>): boolean =>
    shared.keys.every((name) => one.keys[name] === other.keys[name]) && shared.args.every((name) => one.args[name] === other.args[name]);

  const send = (client: ScriptClient): void => {
    const gathering = groups;
    groups = [];
    for (const calls of gathering) {
      for (let from = 0; from < calls.length; from += atOnce) sendTogether(client, calls.slice(from, from + atOnce));
    }
  };

  const listsOf = (first: Call<Key, Arg>, more: readonly Call<Key, Arg>[]): Lists => {
    const keysOfFirst = shared.keys.length + ownerKeys.length + own.keys.length;
    const listed: string[] = [];
    const owners = new Map([[first.keys[ownerKeys[0]], shared.keys.length + 1]]);
    /** Adds keys. Where they begin, counted from 1 as Lua does. */
    const add = (keys: Keys<Key>, names: readonly Key[]): number => {
      const at = keysOfFirst + listed.length + 1;
      for (const name of names) listed.push(keys[name]);
      return at;
    };
    const args = more.map((call) => {
      const owner = call.keys[ownerKeys[0]];
      let ownerAt = owners.get(owner);
      if (ownerAt === undefined) {
        ownerAt = add(call.keys, ownerKeys);
        owners.set(owner, ownerAt);
      }
      let text = `${ownerAt}\0${add(call.keys, own.keys)}\0`;
      for (const name of own.args) text += `${call.args[name]}\0`;
      return text;
    });
    return { keys: listed, args };
  };

  const sendTogether = (client: ScriptClient, calls: readonly Call<Key, Arg>[]): void => {
    const [first, ...more] = calls;
    if (first === undefined) return;
    script.run(client, first.keys, first.args, listsOf(first, more)).then((reply) => {
      if (more.length === 0 || reply[0] !== 'each') {
        for (const { resolve } of calls) resolve(reply);
        return;
      }
      const replies = reply[1] as unknown as readonly Reply[];
      calls.forEach(({ resolve, reject }, index) => {
        const each = replies[index] ?? ['failed', `no reply to call ${index}`];
        if (each[0] === 'failed') reject(failureOf(script.name, each));
        else resolve(each);
      });
    }, (error: unknown) => {
      for (const { reject } of calls) reject(error);
    });
  };

  return {
    ...script,
    run: (client, keys, args) => new Promise((resolve, reject) => {
      if (groups.length === 0) setImmediate(send, client);
      const call = { keys, args, resolve, reject };
      const group = groups.find(([first]) => sharesAll(first, call));
      if (group === undefined) groups.push([call]);
      else group.push(call);
    }),
  };
}
