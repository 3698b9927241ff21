/**
 * `npm run sbom`: the packages that a deployed gateway contains, as a CycloneDX 1.5 document on stdout; `-- --dev` adds those of
 * tests and builds. From package-lock.json and the installed packages: `npm sbom` refuses a tree in which an override gives a
 * package another version than it asks for.
 */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const withDev = process.argv.includes('--dev');

/** What package.json calls the licence: an SPDX expression, or one of the older forms. */
function licenseOf({ license, licenses }) {
  const [first] = [license, licenses].flat().filter((each) => each !== undefined);
  return typeof first === 'string' ? first : first?.type;
}

function componentOf(path, { version, integrity, optional }) {
  let manifest;
  try {
    manifest = read(join(path, 'package.json'));
  } catch {
    if (optional !== true) throw new Error(`${path} is not installed: run npm ci`);
    return []; // for another platform
  }
  const license = licenseOf(manifest);
  const { name } = manifest;
  return [{
    type: 'library', 'bom-ref': path, name, version, scope: optional === true ? 'optional' : 'required',
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    ...(license === undefined ? {} : { licenses: [/[ (]/.test(license) ? { expression: license } : { license: { id: license } }] }),
    ...(integrity === undefined ? {} : {
      hashes: [{ alg: 'SHA-512', content: Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex') }],
    }),
  }];
}

const { packages } = read('package-lock.json');
const { name, version } = read('package.json');
const components = Object.entries(packages).filter(([path, { dev, devOptional }]) =>
  path !== '' && (withDev || (dev !== true && devOptional !== true))).flatMap(([path, each]) => componentOf(path, each));
process.stdout.write(`${JSON.stringify({
  bomFormat: 'CycloneDX', specVersion: '1.5', version: 1,
  metadata: { component: { type: 'application', 'bom-ref': name, name, version } }, components,
}, null, 2)}\n`);
