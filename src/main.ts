/**
 * The entry of a process. As the first process of a container it has no default handlers of signals, so SIGTERM would be lost
 * until one is there: hence before anything is loaded. Until the gateway handles signals itself, there is nothing to finish, and
 * embedded servers and forks end with this process.
 */
const endNow = (): void => { process.exit(0); };
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
for (const signal of SIGNALS) process.on(signal, endNow);

const { run } = await import('./run.js');
await run(import.meta.url, () => { for (const signal of SIGNALS) process.off(signal, endNow); });

export {};
