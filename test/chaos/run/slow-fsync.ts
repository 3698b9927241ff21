import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../../src/stores/embedded/run-command.js';

/** A disk that becomes slow: servers that start with `LD_PRELOAD=<library>` wait in each fsync. */
export type SlowFsync = {
  readonly library: string;
  set(ms: number): void;
  /** From now on it is known how much of each file was synced. */
  record(): void;
  /** Takes from a file what was never synced, as the power does when it fails. Its server must be gone. Returns the lost bytes. */
  losePower(file: string): number;
};

const source = (control: string, synced: string): string => `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
static void wait_first(void) {
  int ms = 0;
  FILE *control = fopen("${control}", "r");
  if (control == NULL) return;
  if (fscanf(control, "%d", &ms) == 1 && ms > 0) usleep((useconds_t) ms * 1000);
  fclose(control);
}
static void remember(const struct stat *before) {
  char path[4096], text[32];
  snprintf(path, sizeof path, "${synced}/%llu", (unsigned long long) before->st_ino);
  int record = open(path, O_WRONLY | O_CREAT, 0644);
  if (record < 0) return;
  int length = snprintf(text, sizeof text, "%020lld", (long long) before->st_size); // always as long: one write replaces it
  if (write(record, text, (size_t) length) < 0) { /* it then counts as not synced */ }
  close(record);
}
static int slowly(const char *name, int fd) {
  struct stat before;
  int known = fstat(fd, &before);
  wait_first();
  int result = ((int (*)(int)) dlsym(RTLD_NEXT, name))(fd);
  if (known == 0 && result == 0) remember(&before);
  return result;
}
int fsync(int fd) { return slowly("fsync", fd); }
int fdatasync(int fd) { return slowly("fdatasync", fd); }
`;

const COMPILE_TIMEOUT_MS = 60_000;

/** Null where there is no gcc: the fault is then left out, and the report says so. `folder`: one that the servers may enter. */
export async function slowFsync(folder: string): Promise<SlowFsync | null> {
  const [code, library, control, synced] = ['slow-fsync.c', 'slow-fsync.so', 'slow-fsync.ms', 'synced'].map((name) => join(folder, name)) as
    [string, string, string, string];
  writeFileSync(code, source(control, synced));
  const { ok } = await runCommand('gcc', ['-shared', '-fPIC', '-O1', '-o', library, code, '-ldl'], { timeoutMs: COMPILE_TIMEOUT_MS });
  if (!ok) return null;
  chmodSync(library, 0o755);
  return {
    library,
    set: (ms) => {
      if (ms === 0) rmSync(control, { force: true });
      else writeFileSync(control, String(ms), { mode: 0o644 });
    },
    record: () => {
      mkdirSync(synced, { recursive: true });
      chmodSync(synced, 0o777);
    },
    losePower: (file) => {
      const { ino, size } = statSync(file);
      const record = join(synced, String(ino));
      const kept = existsSync(record) ? Number(readFileSync(record, 'utf8')) : 0;
      truncateSync(file, Math.min(kept, size));
      return Math.max(0, size - kept);
    },
  };
}
