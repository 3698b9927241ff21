import { ReplyError } from 'ioredis';
import type { Reply, Script, ScriptClient } from './script.js';

export type Gathering<Key extends string, Arg extends string> = {
  /** How many of the named keys and arguments all calls of one group share. The others are those of one call. */
  readonly shared: { readonly keys: readonly Key[]; readonly args: readonly Arg[] };
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
 * A script whose calls of one turn of the event loop are sent together, where they share what they must: its keys and
 * arguments from a point on are lists, and it answers `each` with a list of replies. Every call gets its own reply, in the
 * order of the calls. If the whole call fails, each of them fails.
 */
export function gathered<Key extends string, Arg extends string>(
  script: Script<Key, Arg>, { shared, own, atOnce }: Gathering<Key, Arg>,
): Script<Key, Arg> {
  const groups = new Map<string, Call<Key, Arg>[]>();

  const send = (client: ScriptClient): void => {
    const gathering = [...groups.values()];
    groups.clear();
    for (const calls of gathering) {
      for (let from = 0; from < calls.length; from += atOnce) sendTogether(client, calls.slice(from, from + atOnce));
    }
  };

  const sendTogether = (client: ScriptClient, calls: readonly Call<Key, Arg>[]): void => {
    const [first, ...more] = calls;
    if (first === undefined) return;
    const lists = {
      keys: more.flatMap(({ keys }) => own.keys.map((name) => keys[name])),
      args: more.flatMap(({ args }) => own.args.map((name) => args[name])),
    };
    script.run(client, first.keys, first.args, lists).then((reply) => {
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
      if (groups.size === 0) setImmediate(send, client);
      const group = [...shared.keys.map((name) => keys[name]), ...shared.args.map((name) => args[name])].join('\n');
      const calls = groups.get(group);
      const call = { keys, args, resolve, reject };
      if (calls === undefined) groups.set(group, [call]);
      else calls.push(call);
    }),
  };
}
