import type { Lease, StreamOptions } from './lease.js';
import type { EndReason } from './types.js';

export async function runStream<T>(open: () => Promise<Lease>, { signal }: StreamOptions, body: (lease: Lease) => Promise<T>): Promise<T> {
  const lease = await open();
  let reported = false;
  let reason: EndReason = 'provider_error';
  const report = lease.report.bind(lease);
  lease.report = async (usage) => {
    reported = true;
    return report(usage);
  };
  try {
    const result = await body(lease);
    reason = 'completed';
    return result;
  } finally {
    if (signal?.aborted === true) reason = 'client_disconnect';
    if (!lease.settled) await (reported ? lease.settle({ reason }) : lease.void(reason));
  }
}
