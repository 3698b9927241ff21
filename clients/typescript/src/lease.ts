import type { holds } from './money.js';
import type { EndReason, OpenHold, PlaceHold, Receipt, TokenUsage } from './types.js';

export type StreamOptions = {
  readonly account?: string | undefined;
  readonly spender?: string | undefined;
  readonly feature?: string | undefined;
  readonly model: string;
  readonly provider?: string | undefined;
  readonly inputTokens: number;
  readonly cachedInputTokens?: number | undefined;
  readonly maxOutputTokens?: number | undefined;
  readonly minimumOutputTokens?: number | undefined;
  readonly id?: string | undefined;
  readonly leaseSeconds?: number | undefined;
  readonly onExpiry?: PlaceHold['onExpiry'];
  readonly overCapture?: PlaceHold['overCapture'];
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type SettleLease = { readonly usage?: TokenUsage; readonly use?: 'reported' | 'input' | 'estimate'; readonly reason?: EndReason };

export type Lease = {
  readonly id: string;
  readonly hold: OpenHold;
  readonly stopAtTokens: number | null;
  readonly final: boolean;
  readonly settled: boolean;
  report(usageSoFar: TokenUsage): Promise<boolean>;
  settle(how?: SettleLease): Promise<Receipt>;
  void(reason: EndReason): Promise<Receipt>;
};

export type Holds = ReturnType<typeof holds>;

const given = <T extends object>(members: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };

export async function openLease(holds: Holds, options: StreamOptions): Promise<Lease> {
  const { account, spender, feature, model, provider, inputTokens, cachedInputTokens, maxOutputTokens, minimumOutputTokens } = options;
  const { id = crypto.randomUUID(), leaseSeconds, onExpiry, overCapture, metadata, signal } = options;
  let hold = await holds.place(given({
    id, account, spender, feature, leaseSeconds, onExpiry, overCapture, metadata,
    price: given({ model, provider, inputTokens, cachedInputTokens, maxOutputTokens, minimumOutputTokens }),
  }) as PlaceHold, { signal });
  let used: TokenUsage | undefined;
  let ended: Promise<Receipt> | undefined;
  const whose = given({ account }) as { account?: string };
  const lease: Lease = {
    id,
    get hold() { return hold; },
    get stopAtTokens() { return hold.stopAtTokens; },
    get final() { return hold.final; },
    get settled() { return ended !== undefined; },
    report: async (usage) => {
      used = { ...given({ inputTokens, cachedInputTokens }) as TokenUsage, ...used, ...usage };
      if (Date.now() >= Date.parse(hold.reportBy)) hold = await holds.progress(id, { ...whose, usage: used, extend: { headroomTokens: 200 } });
      return hold.stopAtTokens === null || (used.outputTokens ?? 0) < hold.stopAtTokens;
    },
    settle: ({ usage, use, reason = 'completed' } = {}) =>
      ended ??= holds.settle(id, { ...whose, ...(usage ?? used ? { usage: usage ?? used ?? {} } : { use: use ?? 'reported' }), reason }),
    void: (reason) => ended ??= holds.void(id, { ...whose, reason }),
  };
  return Object.assign(lease, { usage: () => used });
}
