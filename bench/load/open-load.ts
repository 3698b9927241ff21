import { fork } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../src/kit/paths.js';
import { childOf } from '../processes.js';
import type { BurstResult, LoadGenerator } from './burst.js';
import { findWrk } from './find-wrk.js';
import { wrkLoad } from './wrk.js';

/** wrk, or where there is none a process of Node, which takes several times as much processor time. */
export async function openLoad(say: (line: string) => void): Promise<LoadGenerator> {
  try {
    return wrkLoad(await findWrk());
  } catch (error) {
    say(`no wrk: ${error instanceof Error ? error.message : String(error)}; the load comes from Node`);
    return nodeLoad();
  }
}

function nodeLoad(): LoadGenerator {
  const child = fork(join(projectRoot, 'dist/bench/load/node-child.js'));
  return {
    name: 'Node',
    stop: () => childOf(child).stop(),
    run: (burst) => new Promise((resolve, reject) => {
      const onExit = (): void => { reject(new Error('the load generator ended in the middle of a burst')); };
      child.once('exit', onExit);
      child.once('message', (result) => {
        child.off('exit', onExit);
        resolve(result as BurstResult);
      });
      child.send(burst);
    }),
  };
}
