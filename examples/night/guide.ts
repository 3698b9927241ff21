export type GuideFacts = {
  readonly url: string;
  readonly workerPort: number;
  readonly envFile: string;
  readonly prometheus: string | undefined;
  readonly minutes: number;
};

/** What a newcomer reads before the night begins. */
export function guide({ url, workerPort, envFile, prometheus, minutes }: GuideFacts): string {
  return `
The gateway is at ${url}, its worker's metrics are at http://127.0.0.1:${workerPort}/metrics.

In another terminal, in this folder (every command of the README then speaks to this gateway):

  . ${envFile}
  ADMIN=$(npm run -s token -- --sub ops --role admin); echo "$ADMIN"

Log in with that token at ${url}/console
${prometheus === undefined
  ? 'Dashboards need a Prometheus: begin with `npm run night -- --prometheus`'
  : `Prometheus with the alerts is at ${prometheus}; a Grafana with PROMETHEUS_URL=${prometheus} shows the dashboards`}

Five questions to answer, while load and faults run for ${minutes} minutes (docs/walk-through.md has the answers):

  1. How far is Postgres behind?
  2. Why was this user refused at that minute?
  3. Which holds are stuck, and what happens to them?
  4. Which model is the most expensive for users?
  5. Is drift zero?

Ctrl-C stops it and deletes its data.
`;
}
