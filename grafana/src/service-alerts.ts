import type { Alert, Recording } from './alert.js';
import { increase, JOB, loopDelay, processSeries, rate, series, worst } from './promql.js';
import { REQUEST_RATE } from './slo.js';

/** Alerts about debt, refusals and processes. */

const REFUSED = 'cg:refusals:rate5m';
export const refusalRecordings: readonly Recording[] = [{ record: REFUSED, expr: rate('refusals', '5m') }];

const grown = (flow: 'debt' | 'captured' | 'uncollected', window: string): string => increase('credits', window, { where: { flow } });

export const moneyAlerts: readonly Alert[] = [
  {
    name: 'DebtGrowth', severity: 'ticket', holdsFor: '10m',
    when: [
      { value: `${grown('debt', '1h')} / ${grown('captured', '1h')}`, is: '> 0.05' },
      { value: grown('debt', '1h'), is: '> 10' },
    ],
    summary: 'Debt is growing',
    description: '{{ $value | humanizePercentage }} of the credits captured within an hour became debt; the bound is 5 %. Holds are too small for the usage.',
  },
  {
    name: 'DebtJump', severity: 'ticket', holdsFor: '5m',
    when: [
      { value: `max(delta(${series('creditsDebt')}[1h])) / clamp_min(${worst('creditsDebt')}, 1)`, is: '> 0.2' },
      { value: `max(delta(${series('creditsDebt')}[1h]))`, is: '> 100' },
    ],
    summary: 'The debt of all users has jumped',
    description: '{{ $value | humanizePercentage }} of all debt was added within the last hour; the bound is 20 % and 100 credits.',
  },
  {
    name: 'Uncollected', severity: 'ticket', holdsFor: '0s',
    when: [{ value: grown('uncollected', '1h'), is: '> 0' }],
    summary: 'Usage could not be charged',
    description: '{{ printf "%.6f" $value }} credits of usage within an hour could neither be taken from a balance nor become debt.',
  },
  {
    name: 'RefusalSpike', severity: 'ticket', holdsFor: '10m',
    when: [
      { value: `${REFUSED} / avg_over_time(${REFUSED}[1d])`, is: '> 5' },
      { value: `${REFUSED} / ${REQUEST_RATE}`, is: '> 0.1' },
    ],
    summary: 'Far more requests are refused than usual',
    description: '{{ $value | humanize }} times as many refusals as on average of a day, and more than a tenth of all requests.',
  },
  {
    name: 'RefusalsUnrecorded', severity: 'ticket', holdsFor: '0s',
    when: [{ value: increase('refusalsUnrecorded', '15m'), is: '> 0' }],
    summary: 'Refusals are missing from the record',
    description: '{{ $value | humanize }} refusals within 15 minutes could not be stored: the console does not show why these users were refused.',
  },
  {
    name: 'AccountsFrozen', severity: 'ticket', holdsFor: '1d',
    when: [{ value: worst('accountsFrozen'), is: '> 0' }],
    summary: 'Accounts have been frozen for a day',
    description: '{{ $value }} accounts are frozen, at least one for a day: all their writes are refused, and their holds do not end.',
  },
];

export const processAlerts: readonly Alert[] = [
  {
    name: 'GatewayDown', severity: 'page', holdsFor: '30s',
    when: [{ value: `(sum(up{job="${JOB}"}) or vector(0))`, is: '== 0' }],
    summary: 'No process of the gateway answers',
    description: '{{ $value }} processes of the gateway answered the last scrape.',
  },
  {
    name: 'TargetDown', severity: 'ticket', holdsFor: '2m',
    when: [{ value: `up{job="${JOB}"}`, is: '== 0' }],
    summary: '{{ $labels.instance }} does not answer',
    description: '{{ $labels.instance }} has not answered a scrape for two minutes (up is {{ $value }}).',
  },
  {
    name: 'ProcessRestarts', severity: 'ticket', holdsFor: '0s',
    when: [{ value: `changes(${processSeries('process_start_time_seconds')}[30m])`, is: '> 3' }],
    summary: '{{ $labels.instance }} keeps restarting',
    description: '{{ $labels.instance }} was started {{ $value }} times within half an hour.',
  },
  {
    name: 'EventLoopDelay', severity: 'ticket', holdsFor: '5m',
    when: [{ value: loopDelay(), is: '> 0.1' }],
    summary: '{{ $labels.instance }} is too busy',
    description: '1 % of the turns of the event loop of {{ $labels.instance }} were late by more than {{ $value | humanizeDuration }}; the bound is 100 ms. Deadlines for Redis are 150 ms.',
  },
  {
    name: 'Busy', severity: 'ticket', holdsFor: '0s',
    when: [{ value: increase('busyRefusals', '5m'), is: '> 10' }],
    summary: 'Requests are refused because processes are overloaded',
    description: '{{ $value | humanize }} requests within five minutes were answered with 503 and not executed: a turn of the event loop took too long, or calls to Redis had to wait.',
  },
  {
    name: 'KeyServerFailing', severity: 'ticket', holdsFor: '10m',
    when: [
      { value: increase('jwksRefreshes', '15m', { where: { result: 'failed' } }), is: '> 0' },
      { value: increase('jwksRefreshes', '15m', { where: { result: 'ok' } }), is: '== 0' },
    ],
    summary: 'The keys of JWKS_URL cannot be fetched',
    description: '{{ $value | humanize }} attempts within 15 minutes failed and none succeeded. The last keys stay in use; new keys of the issuer are not known.',
  },
];
