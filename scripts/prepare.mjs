/**
 * Makes a clone ready: Node version, packages, build. Does only what is missing, so that a second start is fast. Uses only Node's
 * own modules until packages are there, because a fresh clone has no others.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addPackage, installPackages, packagesAreInstalled } from './packages.mjs';
import { capture, checkNode, indent, lock, main, root, say, StepError } from './steps.mjs';

/** What a kind of build needs and makes. Each has a folder of its own, so that neither takes the other's files for its own. */
const CHECKED = {
  withDev: true, out: join(root, 'dist'), stamp: '.build-stamp',
  folders: ['src', 'test', 'bench', 'clients', 'examples', 'grafana'], files: ['knexfile.ts'], make: compile,
};
const STRIPPED = { withDev: false, out: join(root, 'build'), stamp: '.build-stamp', folders: ['src'], files: [], make: strip };
/** Beside the program, which may run: its files are not written again. */
const EXAMPLES = { ...STRIPPED, stamp: '.build-stamp-examples', folders: ['bench', 'clients', 'examples', 'grafana', 'test'] };

/**
 * For tests, tools and packages: all packages, and everything checked by the compiler, in `dist`.
 * @param {{ steps?: number, quiet?: boolean }} options `steps`: the caller's total number of steps; `quiet`: only report
 * slow steps.
 */
export const prepare = (options) => prepareAs(CHECKED, options);

/** To run the program: packages of production, and `src` without its types, unchecked, in `build`. In seconds, not minutes. */
export const prepareToRun = (options) => prepareAs(STRIPPED, options);

/**
 * To run examples: as the program, and their own packages. A gateway of this clone may run meanwhile.
 * @param {readonly string[]} packages names of development packages that are needed
 */
export async function prepareExamples(packages) {
  await prepareToRun({ quiet: true });
  const unlock = await lock();
  try {
    for (const name of packages) await addPackage(name);
  } finally {
    unlock();
  }
  await prepareAs(EXAMPLES, { quiet: true });
}

async function prepareAs(kind, { steps = 2, quiet = false } = {}) {
  checkNode();
  const unlock = await lock();
  try {
    if (packagesAreInstalled(kind.withDev)) {
      if (!quiet) say(`[1/${steps}] packages: up to date`);
    } else {
      say(`[1/${steps}] installing packages (first run, or package-lock.json changed) ...`);
      const started = performance.now();
      await installPackages(kind.withDev);
      say(`[1/${steps}] packages: installed in ${secondsSince(started)} s`);
    }
    const stamp = sourceStamp(kind);
    if (isBuilt(kind, stamp)) {
      if (!quiet) say(`[2/${steps}] build: up to date`);
    } else {
      if (kind === CHECKED) say(`[2/${steps}] building ...`);
      const started = performance.now();
      await build(kind, stamp);
      say(`[2/${steps}] build: done in ${secondsSince(started)} s`);
    }
  } finally {
    unlock();
  }
}

const secondsSince = (startedMs) => ((performance.now() - startedMs) / 1_000).toFixed(1);

async function build(kind, stamp) {
  removeStaleOutputs(kind);
  rmSync(stampFileOf(kind), { force: true });
  await kind.make(kind);
  mkdirSync(kind.out, { recursive: true });
  writeFileSync(stampFileOf(kind), stamp);
}

async function compile() {
  // tsc trusts its record of written files; when an output is missing the record is wrong.
  if (!isComplete(CHECKED)) rmSync(join(CHECKED.out, '.tsbuildinfo'), { force: true });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { code, output } = await capture(process.execPath, [tsc, '-p', join(root, 'tsconfig.json')]);
  if (code === 0) return;
  throw new StepError(
    `Building failed: tsc -p tsconfig.json ended with exit code ${code}.\n${indent(output)}\n  what to do: mend the errors above`,
  );
}

async function strip(kind) {
  const esbuild = await import('esbuild').catch((error) => {
    throw new StepError(`esbuild cannot be loaded: ${error.message}\n  what to do: npm ci --omit=dev, without --omit=optional`);
  });
  try {
    await esbuild.build({
      absWorkingDir: root, entryPoints: sourcesOf(kind), outbase: '.', outdir: kind.out, format: 'esm', target: 'node20.12',
      sourcemap: true, sourcesContent: false, logLevel: 'silent',
    });
  } catch (error) {
    throw new StepError(`Building failed: ${error.message}\n  what to do: mend the errors above; npm test checks the types as well`);
  } finally {
    await esbuild.stop(); // its process would stay as long as the gateway
  }
}

/** A stamp of everything the build depends on, taken before it starts: an edit during the build causes another build. */
function sourceStamp(kind) {
  const hash = createHash('sha256');
  for (const file of ['tsconfig.json', 'package-lock.json', 'package.json', ...sourcesOf(kind)]) {
    hash.update(`${file}\0`).update(readFileSync(join(root, file))).update('\0');
  }
  return hash.digest('hex');
}

function isBuilt(kind, stamp) {
  const file = stampFileOf(kind);
  if (!existsSync(file) || readFileSync(file, 'utf8') !== stamp) return false;
  removeStaleOutputs(kind);
  return isComplete(kind);
}

/** Deletes outputs without a source: otherwise a deleted test would still run. */
function removeStaleOutputs(kind) {
  const expected = new Set(sourcesOf(kind).map((source) => outputOf(kind, source)));
  for (const folder of kind.folders) {
    for (const file of filesBelow(join(kind.out, folder))) {
      if (!expected.has(file.replace(/\.map$/, ''))) rmSync(file, { force: true });
    }
  }
}

const stampFileOf = ({ out, stamp }) => join(out, stamp);
const outputOf = ({ out }, source) => join(out, source.replace(/\.ts$/, '.js'));
const isComplete = (kind) => sourcesOf(kind).every((source) => existsSync(outputOf(kind, source)));

function sourcesOf({ folders, files }) {
  return [...folders.flatMap((folder) => filesBelow(join(root, folder))), ...files.map((file) => join(root, file))]
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map((file) => relative(root, file))
    .sort();
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(() => prepare());
