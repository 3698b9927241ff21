/**
 * Jest loads every module anew for every test file. typebox is 700 of them, pure functions without state, and took a
 * third of a second of each file: each worker loads it once, and every file gets those modules (see typebox-*.cjs).
 */
import { TestEnvironment } from 'jest-environment-node';
import * as typebox from 'typebox';
import * as compile from 'typebox/compile';
import * as schema from 'typebox/schema';
import * as value from 'typebox/value';

export default class SharingEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    this.global.sharedModules = { typebox, compile, schema, value };
  }
}
