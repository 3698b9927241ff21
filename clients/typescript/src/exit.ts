/** What a process that ends still does for a lease; both never reject. */
export type Leaving = { readonly settle: () => Promise<unknown>; readonly withinMs: number };

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
type Signal = (typeof SIGNALS)[number];
/** Marks the listeners of this package, also those of another copy of it. */
const OWN = Symbol.for('credit-gateway-client.exit');

/** The part of Node's `process` that is needed. Other runtimes may have none. */
type Process = {
  readonly pid: number;
  on: (event: string, listener: () => void) => unknown;
  prependListener: (event: string, listener: (signal: Signal) => void) => unknown;
  off: (event: string, listener: (signal: Signal) => void) => unknown;
  listeners: (event: string) => readonly object[];
  kill: (pid: number, signal: Signal) => unknown;
};
const host = (globalThis as { readonly process?: Partial<Process> }).process;
const processOf = (): Process | null =>
  (host !== undefined && [host.on, host.prependListener, host.off, host.listeners, host.kill].every((each) => typeof each === 'function') ? host as Process : null);

const leases = new Set<Leaving>();
let ending: Promise<void> | undefined;

/**
 * Settles a lease when the process ends, by SIGTERM, SIGINT or because nothing is left to do. Answers what takes it off again.
 * Listeners are there only while a lease is open. A signal that nothing else listens to then ends the process, as it would
 * without this package; where the application listens, the application decides when to exit.
 */
export function settleAtExit(lease: Leaving): () => void {
  const process = processOf();
  if (process === null) return () => undefined;
  leases.add(lease);
  if (leases.size === 1) listen(process);
  return () => {
    if (leases.delete(lease) && leases.size === 0 && ending === undefined) unlisten(process);
  };
}

function listen(process: Process): void {
  // First: a listener that the application adds with `once` is gone when those after it are called.
  for (const signal of SIGNALS) process.prependListener(signal, onSignal);
  process.on('beforeExit', onIdle);
}

function unlisten(process: Process): void {
  for (const signal of SIGNALS) process.off(signal, onSignal);
  process.off('beforeExit', onIdle);
}

const onSignal = Object.assign((signal: Signal): void => {
  const process = processOf();
  if (process === null) return;
  const isOurs = process.listeners(signal).every(isOwn);
  // A second signal does not wait for the first.
  const settled = ending === undefined ? settleAll() : Promise.resolve();
  void settled.then(() => {
    if (isOurs) endBy(process, signal);
  });
}, { [OWN]: true });

const isOwn = (listener: object): boolean => OWN in listener;

const onIdle = Object.assign((): void => { void settleAll(); }, { [OWN]: true });

/** Settles every open lease, for as long as the most patient of them waits. */
function settleAll(): Promise<void> {
  ending ??= (async () => {
    const open = [...leases];
    let cancel: () => void = () => undefined;
    const late = new Promise<void>((resolve) => { cancel = patientTimer(resolve, Math.max(0, ...open.map(({ withinMs }) => withinMs))); });
    await Promise.race([Promise.allSettled(open.map(({ settle }) => settle())), late]);
    cancel();
    ending = undefined;
    const process = processOf();
    if (process !== null && leases.size === 0) unlisten(process);
  })();
  return ending;
}

/** Lets the signal do what it does without a listener. Another copy of this package may still be settling: it does it then. */
function endBy(process: Process, signal: Signal): void {
  unlisten(process);
  if (process.listeners(signal).length === 0) process.kill(process.pid, signal);
}

/** Keeps the process alive until then. */
function patientTimer(work: () => void, ms: number): () => void {
  const timer = setTimeout(work, ms);
  return () => { clearTimeout(timer); };
}
