import { expect, test } from '@jest/globals';
import { Command } from 'ioredis';
import { ScriptCommand } from '../../../src/stores/redis/script-command.js';

test('a script is written byte for byte as ioredis writes it, whatever its arguments', () => {
  const values = [
    'a', '', 'ü€𝒳', '\ud800', '\0\r\n$5', 0, -0, 46, -7, 0.5, Number.MAX_SAFE_INTEGER,
    'x'.repeat(1_023), 'x'.repeat(1_024), 'é'.repeat(70_000),
  ];
  for (const each of [...values.map((value) => [value]), values, values.filter((value) => typeof value === 'number')]) {
    const bytes = (command: Command): Buffer => Buffer.from(command.toWritable({}));
    expect(bytes(new ScriptCommand('evalsha', each)).equals(bytes(new Command('evalsha', [...each])))).toBe(true);
  }
});
