import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { readConfig } from '../config.js';
import { featureAdmin } from '../credits/features/manage-features.js';
import { seedFeatures } from '../credits/features/seed-features.js';
import {
  DEMO_SEED, endpointShape, packageShape, presentEndpoint, presentPackage, toEndpoint, toPackage,
} from '../edge/v1/feature-fields.js';
import { GatewayError } from '../kit/errors.js';
import { openDatabase } from './database.js';
import { runCli } from './run-cli.js';

/** `npm run features -- seed|list`: loads endpoints and packages from a file or from the guide's example, or lists them. */

const USAGE = `usage: npm run features -- seed [file.json]
       npm run features -- list

A seed is {"endpoints": [{"feature", "name", "value", "min_credits"…}], "packages": [{"name", "is_initial", "features": [{"feature"}]}]}.
Without a file: ai_chat_v1 of the guide, in a package for users without a subscription. Seeding again changes nothing.`;

const text = (minLength: number, maxLength: number) => Type.String({ minLength, maxLength });
const Seed = Type.Object({ endpoints: Type.Array(endpointShape(text)), packages: Type.Array(packageShape(text)) });
const compiled = Compile(Seed);

await runCli(USAGE, async () => {
  const { positionals } = parseArgs({ allowPositionals: true });
  const [command, file] = positionals;
  const database = await openDatabase(readConfig(), (line) => { console.error(line); });
  const { db } = database;
  try {
    if (command === 'seed') {
      const { endpoints, packages } = readSeed(file);
      const written = await seedFeatures(db, { endpoints: endpoints.map(toEndpoint), packages: packages.map(toPackage) });
      return `${written.endpoints} endpoints and ${written.packages} packages are there`;
    }
    if (command !== 'list') throw new Error('say seed or list');
    const admin = featureAdmin(db);
    return JSON.stringify(
      { endpoints: (await admin.endpoints()).map(presentEndpoint), packages: (await admin.packages()).map(presentPackage) }, null,
      2,
    );
  } catch (error) {
    throw error instanceof GatewayError
      ? new Error([error.message, ...error.sources.map(({ path, message }) => `  ${path} ${message}`)].join('\n'), { cause: error })
      : error;
  } finally {
    await database.close();
  }
});

function readSeed(file: string | undefined): Static<typeof Seed> {
  const value: unknown = file === undefined ? structuredClone(DEMO_SEED) : JSON.parse(readFileSync(file, 'utf8'));
  if (compiled.Check(value)) return value;
  throw new Error([
    `${file ?? 'the seed'} is not a seed:`,
    ...compiled.Errors(value).map(({ instancePath, message }) => `  ${instancePath} ${message}`),
  ].join('\n'));
}
