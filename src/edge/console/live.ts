import { createHash } from 'node:crypto';
import Type from 'typebox';
import { anyone } from '../auth/allow.js';
import type { AddRoute } from '../http/routes.js';
import { BY_ITSELF } from './session.js';

/**
 * The only script of the console. It adds the local time to each time in UTC, and reads the live parts of a page again. It never
 * replaces a part while a field has the focus, a dialog is open, text is selected or the page is hidden, nor a part that has the
 * focus.
 */
const SCRIPT = `'use strict';
(() => {
  const pad = (number) => String(Math.floor(number)).padStart(2, '0');
  const zoneOf = (date) => {
    const minutes = -date.getTimezoneOffset();
    return (minutes < 0 ? '-' : '+') + pad(Math.abs(minutes) / 60) + ':' + pad(Math.abs(minutes) % 60);
  };
  const addLocalTimes = (root) => {
    for (const time of root.querySelectorAll('time[datetime]')) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.getTime()) || time.dataset.local !== undefined) continue;
      time.dataset.local = '';
      if (date.getTimezoneOffset() === 0) continue;
      const local = document.createElement('small');
      local.className = 'local';
      local.textContent = date.getFullYear() + '-' + pad(date.getMonth() + 1) + '-' + pad(date.getDate()) + ' ' +
        pad(date.getHours()) + ':' + pad(date.getMinutes()) + ':' + pad(date.getSeconds()) + ' ' + zoneOf(date);
      time.append(' ', local);
    }
  };
  addLocalTimes(document);

  const seconds = Number(document.body.dataset.liveSeconds);
  if (!(seconds > 0)) return;
  const state = document.querySelector('[data-live-state]');
  const tell = (text) => {
    if (state === null || state.textContent === text) return;
    state.textContent = text;
    state.hidden = text === '';
  };
  const isBusy = () => document.hidden || document.querySelector('dialog[open]') !== null || !getSelection().isCollapsed
    || document.activeElement?.matches('input, textarea, select, [contenteditable]') === true;
  const known = new Map();
  for (const part of document.querySelectorAll('[data-live]')) known.set(part.dataset.live, null);

  const replace = (next) => {
    for (const part of document.querySelectorAll('[data-live]')) {
      const name = part.dataset.live;
      const markup = next.querySelector('[data-live="' + name + '"]')?.innerHTML;
      if (markup === undefined || markup === known.get(name) || part.contains(document.activeElement)) continue;
      known.set(name, markup);
      const scrolled = [...part.querySelectorAll('.scroll')].map((each) => each.scrollLeft);
      part.innerHTML = markup;
      for (const [index, each] of [...part.querySelectorAll('.scroll')].entries()) each.scrollLeft = scrolled[index] ?? 0;
      addLocalTimes(part);
    }
  };
  const read = async () => {
    if (isBusy()) return true;
    const url = new URL(location.href);
    url.searchParams.set('${BY_ITSELF}', '1');
    const answer = await fetch(url);
    if (answer.redirected) {
      tell('Your session has ended, so this page is not up to date. Log in again.');
      return false;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    const next = new DOMParser().parseFromString(await answer.text(), 'text/html');
    if (!isBusy()) replace(next);
    tell('');
    return true;
  };
  const turn = async () => {
    let goesOn = true;
    try {
      goesOn = await read();
    } catch {
      tell('The gateway does not answer, so this page is not up to date. It tries again.');
    }
    if (goesOn) setTimeout(turn, seconds * 1000);
  };
  setTimeout(turn, seconds * 1000);
})();
`;

const ROUTE = '/console/live.js';
/** Changes with the script, so that browsers may keep it. */
export const LIVE_PATH = `${ROUTE}?of=${createHash('sha256').update(SCRIPT).digest('hex').slice(0, 12)}`;

export function liveRoute(add: AddRoute): void {
  add('GET', ROUTE, anyone(), {
    summary: 'The script of the console', replies: { 200: Type.String({ contentMediaType: 'text/javascript' }) },
  }, (ctx) => {
    ctx.status = 200;
    ctx.res.setHeader('Content-Type', 'text/javascript; charset=utf-8');
    ctx.res.setHeader('Cache-Control', 'public, max-age=31536000, immutable');
    ctx.res.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
    ctx.body = SCRIPT;
  });
}
