import { ReplyError } from 'ioredis';
import type { Tell } from '../../kit/tell.js';
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

export type GatheredCall<Key extends string, Arg extends string> = { readonly keys: Keys<Key>; readonly args: Args<Arg> };

/** Several calls of a script. */
export type GatheredScript<Key extends string, Arg extends string> = {
  readonly name: string;
  /** Tells each its reply, or why it failed; then resolves. */
  runEach(client: ScriptClient, calls: readonly GatheredCall<Key, Arg>[], tell: Tell<Reply>): Promise<void>;
};

/** What was asked for by one `runEach`. */
type Asked = { readonly tell: Tell<Reply>; waiting: number; readonly resolve: () => void };
type Waiting<Key extends string, Arg extends string> = {
  readonly call: GatheredCall<Key, Arg>; readonly asked: Asked; readonly index: number;
};
type Group<Key extends string, Arg extends string> = [Waiting<Key, Arg>, ...Waiting<Key, Arg>[]];

/** The error of one call as Redis would have answered it alone. ioredis declares its class as `any`. */
const failureOf = (script: string, message: string): Error =>
  new (ReplyError as new (text: string) => Error)(`${script}: ${message}`);

/**
 * A script whose calls of one turn of the event loop are sent together, where they share what they must. Of each call after the
 * first it takes one argument with texts that each end with a NUL: where in KEYS those of its owner begin, where its own begin,
 * and its arguments, of which none has a NUL: the script must refuse another number of texts. One argument costs a fraction of
 * what two dozen do here. It answers `each` with a list of replies, each one text of values with a NUL between them.
 * Every call gets its own reply, in the order of the calls. If the whole call fails, each of them fails. The calls of one owner are
 * carried out in their order, also where they do not share what they must.
 */
export function gathered<Key extends string, Arg extends string>(
  script: Script<Key, Arg>, gathering: Gathering<Key, Arg>,
): GatheredScript<Key, Arg> {
  const { shared, ownerKeys, atOnce } = gathering;
  let groups: Group<Key, Arg>[] = [];
  /** The last of these groups that has calls of an owner: an earlier one takes no more of it, so that its calls stay in their order. */
  const lastOf = new Map<string, number>();

  const joins = (at: number, call: GatheredCall<Key, Arg>): boolean => {
    const first = groups[at]?.[0].call;
    return first !== undefined
      && shared.keys.every((name) => first.keys[name] === call.keys[name])
      && shared.args.every((name) => first.args[name] === call.args[name]);
  };

  const send = (client: ScriptClient): void => {
    const asked = groups;
    groups = [];
    lastOf.clear();
    for (const waiting of asked) {
      for (let from = 0; from < waiting.length; from += atOnce) sendTogether(script, gathering, client, waiting.slice(from, from + atOnce));
    }
  };

  return {
    name: script.name,
    runEach: (client, calls, tell) => new Promise((resolve) => {
      if (calls.length === 0) {
        resolve();
        return;
      }
      if (groups.length === 0) setImmediate(send, client);
      const asked = { tell, waiting: calls.length, resolve };
      let [owner, at] = ['', 0];
      calls.forEach((call, index) => {
        const waiting = { call, asked, index };
        const ownerOfCall = call.keys[ownerKeys[0]];
        // Neighbours are mostly of one account.
        if (ownerOfCall !== owner || !joins(at, call)) {
          owner = ownerOfCall;
          at = lastOf.get(owner) ?? 0;
          while (at < groups.length && !joins(at, call)) at += 1;
          lastOf.set(owner, at);
        }
        const group = groups[at];
        if (group !== undefined) group.push(waiting);
        else groups.push([waiting]);
      });
    }),
  };
}

/** One call of the script for all of these. Tells each its reply. */
function sendTogether<Key extends string, Arg extends string>(
  script: Script<Key, Arg>, gathering: Gathering<Key, Arg>, client: ScriptClient, waiting: readonly Waiting<Key, Arg>[],
): void {
  const [first, ...more] = waiting;
  if (first === undefined) return;
  script.run(client, first.call.keys, first.call.args, listsOf(gathering, first, more)).then((reply) => {
    const replies = more.length > 0 && reply[0] === 'each' ? reply[1] as unknown as readonly string[] : null;
    waiting.forEach(({ asked: { tell }, index }, at) => {
      const own = replies === null ? reply : (replies[at] ?? `failed\0no reply to call ${at}`).split('\0') as unknown as Reply;
      if (own[0] === 'failed') tell.failed(index, failureOf(script.name, own[1] ?? ''));
      else tell.done(index, own);
    });
  }, (error: unknown) => {
    for (const { asked: { tell }, index } of waiting) tell.failed(index, error);
  }).finally(() => {
    for (const { asked } of waiting) {
      asked.waiting -= 1;
      if (asked.waiting === 0) asked.resolve();
    }
  });
}

/** Keys and arguments of the calls after the first. */
function listsOf<Key extends string, Arg extends string>(
  { shared, ownerKeys, own }: Gathering<Key, Arg>, first: Waiting<Key, Arg>, more: readonly Waiting<Key, Arg>[],
): Lists {
  const keysOfFirst = shared.keys.length + ownerKeys.length + own.keys.length;
  const listed: string[] = [];
  const owners = new Map([[first.call.keys[ownerKeys[0]], shared.keys.length + 1]]);
  /** Adds keys. Where they begin, counted from 1 as Lua does. */
  const add = (keys: Keys<Key>, names: readonly Key[]): number => {
    const at = keysOfFirst + listed.length + 1;
    for (const name of names) listed.push(keys[name]);
    return at;
  };
  const args = more.map(({ call }) => {
    const owner = call.keys[ownerKeys[0]];
    let ownerAt = owners.get(owner);
    if (ownerAt === undefined) {
      ownerAt = add(call.keys, ownerKeys);
      owners.set(owner, ownerAt);
    }
    const texts: (string | number)[] = [ownerAt, add(call.keys, own.keys)];
    for (const name of own.args) texts.push(call.args[name]);
    texts.push('');
    return texts.join('\0');
  });
  return { keys: listed, args };
}
