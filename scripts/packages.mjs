/** Installs the packages of a clone, if they are not those of package-lock.json. Uses only Node's own modules. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, indent, root, say, StepError } from './steps.mjs';

/** npm prints the explanation first and its manual after it. */
const NPM_LINES_MAX = 15;

/**
 * Compares the lock file with the copy that npm leaves in node_modules after a complete install.
 * @param {boolean} withDev whether the packages of the build and of the tests are needed as well
 */
export function packagesAreInstalled(withDev) {
  const wanted = readPackages(join(root, 'package-lock.json'));
  const installed = installedPackages();
  if (wanted === undefined || installed === undefined) return false;
  return Object.entries(wanted).every(([path, { version, dev, optional, devOptional }]) => {
    // Optional packages may be for other platforms or left out on purpose; a wrong version of one is still an error.
    if (path === '') return true;
    const found = installed[path];
    if (found === undefined) return optional === true || devOptional === true || (dev === true && !withDev);
    return found.version === version;
  });
}

/** Where the packages of the build are, they stay: otherwise a start after an update would remove them. */
export async function installPackages(withDev) {
  const hasDev = Object.values(installedPackages() ?? {}).some(({ dev }) => dev === true);
  // Said in any case: NODE_ENV=production would leave packages out, and a setting of npm may do either.
  const args = ['ci', withDev || hasDev ? '--include=dev' : '--omit=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const { code, output } = await runNpm(args);
  if (code === 0) return;
  const advice = output.includes('EUSAGE') ? 'package-lock.json does not fit package.json: run npm install and commit both' : undefined;
  throw new StepError(failed(args, code, output, advice));
}

/** Adds a package of development in the version of package-lock.json, and leaves the others as they are. */
export async function addPackage(name) {
  const path = `node_modules/${name}`;
  const { version } = readPackages(join(root, 'package-lock.json'))[path];
  if (installedPackages()?.[path]?.version === version && existsSync(join(root, path))) return;
  say(`installing ${name} ${version} (once) ...`);
  const args = ['install', '--no-save', '--save-prod', '--omit=dev', '--no-audit', '--no-fund', '--loglevel=error', `${name}@${version}`];
  const { code, output } = await runNpm(args);
  if (code !== 0) throw new StepError(failed(args, code, output));
}

const installedPackages = () => readPackages(join(root, 'node_modules', '.package-lock.json'));

const CHECK_NETWORK = 'check the network and the registry (npm config get registry), then run the command again';

function failed(args, code, output, advice = CHECK_NETWORK) {
  const head = output.split('\n').filter((line) => line.replace('npm error', '').trim() !== '').slice(0, NPM_LINES_MAX).join('\n');
  return `Installing packages failed: npm ${args.join(' ')} ended with exit code ${code}.\n${indent(head)}\n  what to do: ${advice}`;
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** Under `npm start` the same npm is used; otherwise the one on PATH. */
function runNpm(args) {
  const cli = process.env.npm_execpath;
  const [command, prefix] = cli?.endsWith('npm-cli.js') ? [process.execPath, [cli]] : ['npm', []];
  return capture(command, [...prefix, ...args]);
}
