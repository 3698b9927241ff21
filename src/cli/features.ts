import { readFileSync } from 'node:fs';
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { readConfig } from '../config.js';
import { featureAdmin } from '../credits/features/manage-features.js';
import { seedFeatures } from '../credits/features/seed-features.js';
import {
  DEMO_SEED, endpointShape, packageShape, presentEndpoint, presentPackage, toEndpoint, toPackage,
} from '../edge/v1/feature-fields.js';
import { withDatabase } from './database.js';
import { say, UsageError, type Result } from './output.js';

/** `credit-gateway features`: endpoints and packages of the credits process. */

const text = (minLength: number, maxLength: number) => Type.String({ minLength, maxLength });
const Seed = Type.Object({ endpoints: Type.Array(endpointShape(text)), packages: Type.Array(packageShape(text)) });
const compiled = Compile(Seed);

/** Loads endpoints and packages from a file, or those of the guide. Seeding again changes nothing. */
export async function seed(file: string | undefined): Promise<Result> {
  const { endpoints, packages } = readSeed(file);
  return withDatabase(readConfig(), say, async (db) => {
    const json = await seedFeatures(db, { endpoints: endpoints.map(toEndpoint), packages: packages.map(toPackage) });
    return { json, text: `${json.endpoints} endpoints and ${json.packages} packages are there` };
  });
}

export const listFeatures = (): Promise<Result> => withDatabase(readConfig(), say, async (db) => {
  const admin = featureAdmin(db);
  const json = { endpoints: (await admin.endpoints()).map(presentEndpoint), packages: (await admin.packages()).map(presentPackage) };
  return { json, text: JSON.stringify(json, null, 2) };
});

function readSeed(file: string | undefined): Static<typeof Seed> {
  const value: unknown = file === undefined ? structuredClone(DEMO_SEED) : JSON.parse(readFileSync(file, 'utf8'));
  if (compiled.Check(value)) return value;
  throw new UsageError([
    `${file ?? 'the seed'} is not a seed:`,
    ...compiled.Errors(value).map(({ instancePath, message }) => `  ${instancePath} ${message}`),
  ].join('\n'));
}
