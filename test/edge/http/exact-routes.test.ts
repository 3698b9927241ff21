import { expect, test } from '@jest/globals';
import { Router } from '@koa/router';
import { fakeGateway } from '../../support/fake-gateway.js';
import { listRoutes } from '../../../src/compose/app.js';
import { exactRoutes } from '../../../src/edge/http/exact-routes.js';

/** Names of what a table and the router of the same routes find, for paths that are spelled in all kinds of ways. */
test('what it finds, the router finds too, with the same parameters', async () => {
  const gateway = await fakeGateway();
  const routes = listRoutes(gateway.deps);
  await gateway.stop();
  const table = exactRoutes<string>();
  const router = new Router();
  for (const { method, path } of routes) {
    table.add(method, path, path);
    router.register(path, [method], () => undefined);
  }
  const values = ['x', 'A-b_c.d~1', 'all', 'ALL', 'a:b@c', 'a%2Fb', 'ü', '', 'holds', '..'];
  let found = 0;
  for (const { method, path } of routes) for (const value of values) {
    const filled = path.replaceAll(/:\w+/g, value);
    for (const sent of [filled, filled.toUpperCase(), `${filled}/`, `${filled}//`, filled.replace('/', '//')]) {
      const ours = table.find(method, sent);
      if (ours === undefined) continue;
      found += 1;
      const layers = router.match(sent, method).pathAndMethod;
      const exact = layers.find((layer) => layer.path === sent) ?? layers[0];
      expect({ method, sent, path: ours.handle }).toEqual({ method, sent, path: exact?.path });
      expect(ours.params).toEqual(exact?.params(sent, exact.captures(sent), {}));
    }
  }
  expect(found).toBeGreaterThan(routes.length);
});

test('leaves to the router what it decides by its own rules', () => {
  const table = exactRoutes<string>();
  table.add('GET', '/a/:id', 'by id');
  table.add('GET', '/a/all', 'all');
  table.add('GET', '/b/:id/End', 'end');
  table.add('GET', '/b/:id/:part', 'part');
  table.add('GET', '/c/*rest', 'rest');
  expect(table.find('GET', '/a/all')?.handle).toBe('all');
  expect(table.find('GET', '/a/x')).toEqual({ handle: 'by id', params: { id: 'x' } });
  expect(table.find('GET', '/b/x/End')).toEqual({ handle: 'end', params: { id: 'x' } });
  for (const path of ['/a/ALL', '/b/x/end', '/a/%41', '/a/', '/a/x/', '/c/x', '/A/x']) expect(table.find('GET', path)).toBeUndefined();
  expect(table.find('POST', '/a/x')).toBeUndefined();
});
