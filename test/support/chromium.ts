import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { runCommand } from '../../src/stores/embedded/run-command.js';

/** A real browser for tests of pages, or the reason why there is none. */
export type FoundBrowser = { readonly executablePath: string } | { readonly missing: string };

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const APT_TIMEOUT_MS = 300_000;
/** Disables everything but the page under test: updates, first-run pages, background requests. */
const ARGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/**
 * Finds Chromium on the PATH, or installs Debian's package where possible (as root, with apt). In CI, where apt works, a
 * missing browser is a failure: a test that is always skipped tests nothing.
 */
export async function findChromium(environment: NodeJS.ProcessEnv = process.env): Promise<FoundBrowser> {
  const there = await onPath(environment);
  if (there !== null) return { executablePath: there };
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    return { missing: `no ${NAMES.join(', ')} on the PATH, and only root can install one` };
  }
  process.stderr.write('chromium: not installed here; installing Debian\'s package (once, about 100 MB) ...\n');
  const updated = await runCommand('apt-get', ['-qq', 'update'], { timeoutMs: APT_TIMEOUT_MS });
  if (!updated.ok) return { missing: `no Chromium on the PATH, and apt does not work here: ${updated.problem}` };
  const installed = await runCommand('apt-get', ['-qq', 'install', '-y', '--no-install-recommends', 'chromium'], {
    timeoutMs: APT_TIMEOUT_MS,
  });
  const now = await onPath(environment);
  if (now !== null) return { executablePath: now };
  const problem = installed.ok ? 'apt installed a package without it' : installed.problem;
  if (environment['CI'] === 'true') throw new Error(`Chromium could not be installed: ${problem}`);
  return { missing: `Chromium could not be installed: ${problem}` };
}

export const launchChromium = ({ executablePath }: { readonly executablePath: string }): Promise<Browser> =>
  chromium.launch({ executablePath, args: ARGS });

async function onPath(environment: NodeJS.ProcessEnv): Promise<string | null> {
  for (const folder of (environment['PATH'] ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const path = join(folder, name);
      const isThere = await access(path, constants.X_OK).then(() => true, () => false);
      if (isThere) return path;
    }
  }
  return null;
}
