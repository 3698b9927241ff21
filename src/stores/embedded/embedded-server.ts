import { readFile } from 'node:fs/promises';
import type { ServerProcess } from './server-process.js';

export type ServerName = 'redis' | 'postgres';

/** A running embedded server. Tests use `kill` and `restart` to simulate failures. */
export type EmbeddedServer = {
  readonly name: ServerName;
  readonly url: string;
  readonly port: number;
  /** Product, version, where the binary came from and the account it runs as. */
  readonly description: string;
  /** Process id; changes with `restart`. */
  readonly pid: number;
  readonly isRunning: () => boolean;
  /** Sends a signal; resolves when the process is gone if the signal ends it. Does not call the death listener. */
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
  /** Shuts down cleanly; does nothing when it is not running. */
  readonly stop: () => Promise<void>;
  /** Stops if needed, then starts on the same port and directory. */
  readonly restart: () => Promise<void>;
};

/** Called once, with the reason and the log file, when a server ends unexpectedly. */
export type DeathListener = (message: string) => void;

export type ServerPlan = {
  readonly name: ServerName;
  readonly url: string;
  readonly port: number;
  readonly description: string;
  readonly logFile: string;
  readonly launch: () => Promise<ServerProcess>;
  readonly onDeath: DeathListener | undefined;
};

const ENDING: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT'];
/** Postgres' child processes form sessions of their own, so a signal to the postmaster's group would not reach them. */
const FOR_THE_FAMILY: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGSTOP', 'SIGCONT'];

/** Starts the process of the plan and keeps what is needed to restart it. */
export async function superviseServer(plan: ServerPlan): Promise<EmbeddedServer> {
  const { name, url, port, description, logFile, onDeath } = plan;
  let expectsExit = false;

  const launch = async (): Promise<ServerProcess> => {
    const launched = await plan.launch();
    expectsExit = false;
    void launched.exited.then((reason) => {
      if (expectsExit || launched !== server) return;
      onDeath?.(`${name} (pid ${launched.pid}, ${url.replace(/:[^:@/]+@/, ':***@')}) ended unexpectedly: ${reason}; its log: ${logFile}`);
    });
    return launched;
  };
  let server: ServerProcess | undefined = undefined;
  let current = (server = await launch());

  const stop = async (): Promise<void> => {
    expectsExit = true;
    await signalFamily(current.pid, 'SIGCONT', current.isRunning());
    await current.stop();
  };
  return {
    name,
    url,
    port,
    description,
    get pid() { return current.pid; },
    isRunning: () => current.isRunning(),
    kill: async (signal) => {
      if (!current.isRunning()) return;
      if (ENDING.includes(signal)) expectsExit = true;
      if (FOR_THE_FAMILY.includes(signal)) await signalFamily(current.pid, signal, true);
      else process.kill(current.pid, signal);
      if (ENDING.includes(signal)) await current.exited;
    },
    stop,
    restart: async () => {
      await stop();
      current = server = await launch();
    },
  };
}

/** Signals the main process first, so that it cannot replace the children that are signalled next. */
async function signalFamily(pid: number, signal: NodeJS.Signals, isRunning: boolean): Promise<void> {
  if (!isRunning) return;
  const children = await childrenOf(pid);
  for (const each of [pid, ...children]) {
    try {
      process.kill(each, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it has ended in the meantime
    }
  }
}

/** Linux only. On other systems the children of a killed postmaster end by themselves, and only the postmaster is stopped. */
async function childrenOf(pid: number): Promise<readonly number[]> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return list.split(' ').filter((each) => each !== '').map(Number);
}
