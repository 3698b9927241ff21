import { parseArgs } from 'node:util';
import { composeOversight } from '../compose/oversight.js';
import { readConfig } from '../config.js';
import { presentAccount } from './present-account.js';
import { systemClock } from '../kit/clock.js';
import { isStorable } from '../kit/ids.js';
import { NOTES_LENGTH_MAX } from '../kit/limits.js';
import { commandActor, openCliCore } from './core.js';
import { printable } from './printable.js';
import { runCli } from './run-cli.js';

/** `npm run account -- show|freeze|thaw`: shows an account, freezes it, or lifts the freeze. */

const USAGE = `usage: npm run account -- show <id, username or e-mail>
       npm run account -- freeze|thaw <id, username or e-mail> --reason "why"

A frozen account refuses every hold, settlement, charge and grant with 423 until it is thawed. Who froze it and why is
in its ledger. An account that differs from the books is frozen as it is, and thawed only when it has been repaired. Works
beside a running gateway, embedded or not, and needs no token.`;

await runCli(USAGE, async () => {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { reason: { type: 'string', default: '' } } });
  const [command, target, ...others] = positionals;
  if (command !== 'show' && command !== 'freeze' && command !== 'thaw') throw new Error('say show, freeze or thaw');
  if (target === undefined || others.length > 0) throw new Error('name one account');
  const { reason } = values;
  if (command !== 'show' && (reason.trim() === '' || reason.length > NOTES_LENGTH_MAX || !isStorable(reason))) {
    throw new Error(`--reason is missing, or longer than ${NOTES_LENGTH_MAX} characters: say why`);
  }
  const { core, log, close } = await openCliCore(readConfig(), (line) => { console.error(line.trimEnd()); });
  try {
    const oversight = composeOversight(core, log, systemClock);
    const accountId = await oversight.nameAccount(target);
    if (command === 'show') return JSON.stringify(presentAccount(await oversight.showAccount(accountId)), null, 2);
    const run = command === 'freeze' ? oversight.freezeAccount : oversight.thawAccount;
    const { changed } = await run({ accountId, reason, actor: commandActor() });
    const state = command === 'freeze' ? 'frozen' : 'not frozen';
    const name = printable(accountId);
    return changed ? `${name} is ${state} now` : `${name} was ${state} already; nothing was changed`;
  } finally {
    await close();
  }
});
