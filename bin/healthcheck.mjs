/** The health check of the image and of docker-compose.yml: exit code 0 when the process answers, 1 when it does not within 4 s. */
const ANSWER_WITHIN_MS = 4_000;

try {
  const { ok } = await fetch(`http://127.0.0.1:${process.env.PORT ?? 3001}/livez`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  process.exitCode = ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
