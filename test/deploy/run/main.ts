import { dockerEngine } from './docker.js';
import { say } from './engine.js';
import { podmanEngine } from './podman.js';
const engine = await dockerEngine() ?? await podmanEngine('/tmp/cgt');
say(JSON.stringify(engine, undefined, 1).slice(0, 1));
say(engine.name + engine.leftOut.join() + engine.standIns.join('\n'));
await engine.close();
process.exit(0);
