import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../../src/stores/embedded/run-command.js';

/** A disk that becomes slow: servers that start with `LD_PRELOAD=<library>` wait in each fsync. */
export type SlowFsync = { readonly library: string; set(ms: number): void };

const source = (control: string): string => `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
static void wait_first(void) {
  int ms = 0;
  FILE *control = fopen("${control}", "r");
  if (control == NULL) return;
  if (fscanf(control, "%d", &ms) == 1 && ms > 0) usleep((useconds_t) ms * 1000);
  fclose(control);
}
int fsync(int fd) { wait_first(); return ((int (*)(int)) dlsym(RTLD_NEXT, "fsync"))(fd); }
int fdatasync(int fd) { wait_first(); return ((int (*)(int)) dlsym(RTLD_NEXT, "fdatasync"))(fd); }
`;

const COMPILE_TIMEOUT_MS = 60_000;

/** Null where there is no gcc: the fault is then left out, and the report says so. `folder`: one that the servers may enter. */
export async function slowFsync(folder: string): Promise<SlowFsync | null> {
  const [code, library, control] = ['slow-fsync.c', 'slow-fsync.so', 'slow-fsync.ms'].map((name) => join(folder, name)) as
    [string, string, string];
  writeFileSync(code, source(control));
  const { ok } = await runCommand('gcc', ['-shared', '-fPIC', '-O1', '-o', library, code, '-ldl'], { timeoutMs: COMPILE_TIMEOUT_MS });
  if (!ok) return null;
  chmodSync(library, 0o755);
  return {
    library,
    set: (ms) => {
      if (ms === 0) rmSync(control, { force: true });
      else writeFileSync(control, String(ms), { mode: 0o644 });
    },
  };
}
