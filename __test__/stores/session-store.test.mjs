// The store of express-session and @fastify/session by itself: what it is asked for, and what it calls back with.

import express from 'express';
import session from 'express-session';
import { LRUCacheClustered } from 'flotilla';
import { FlotillaStore } from 'flotilla/express-session';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { builtAddon, emptyFolder, installCopy } from '../fixtures/folders.mjs';
import { node } from '../fixtures/processes.mjs';
import { serve } from '../fixtures/servers.mjs';
import { stoppedClock } from '../fixtures/stopped-clock.mjs';

const advance = stoppedClock();
afterEach(() => LRUCacheClustered.getAllCaches().clear());

const MINUTE = 60_000;
const cookieFor = (milliseconds) => ({
  originalMaxAge: milliseconds,
  expires: new Date(Date.now() + milliseconds),
});
const ada = (milliseconds = MINUTE) => ({ cookie: cookieFor(milliseconds), name: 'ada' });

/** What a method of the store calls back with. */
const calledBack = (store, method, ...list) =>
  new Promise((resolve) => store[method](...list, (...results) => resolve(results)));

describe('the methods', () => {
  it('call back with null and what was asked for', async () => {
    const store = new FlotillaStore();
    expect(await calledBack(store, 'get', 'a')).toEqual([null, undefined]);
    expect(await calledBack(store, 'set', 'a', ada())).toEqual([null, undefined]);
    const stored = {
      cookie: { originalMaxAge: MINUTE, expires: new Date(Date.now() + MINUTE).toJSON() },
      name: 'ada',
    };
    expect(await calledBack(store, 'get', 'a')).toEqual([null, stored]);
    expect(await calledBack(store, 'touch', 'a', ada())).toEqual([null, undefined]);
    expect(await calledBack(store, 'all')).toEqual([null, [{ ...stored, id: 'a' }]]);
    expect(await calledBack(store, 'length')).toEqual([null, 1]);
    expect(await calledBack(store, 'destroy', 'a')).toEqual([null, undefined]);
    expect(await calledBack(store, 'destroy', 'a')).toEqual([null, undefined]);
    expect(await calledBack(store, 'get', 'a')).toEqual([null, undefined]);
    expect(await calledBack(store, 'clear')).toEqual([null, undefined]);
  });

  it('call back later, never before they return', () => {
    const store = new FlotillaStore();
    const callback = vi.fn();
    store.get('a', callback);
    store.set('a', ada(), callback);
    expect(callback).not.toHaveBeenCalled();
  });

  it('return promises without a callback', async () => {
    const store = new FlotillaStore();
    await store.set('a', ada());
    await store.touch('a', ada());
    expect(await store.get('a')).toMatchObject({ name: 'ada' });
    expect([await store.length(), (await store.all()).length]).toEqual([1, 1]);
    await store.destroy('a');
    await store.clear();
    expect(await store.get('a')).toBeUndefined();
  });

  it('call back with errors, and reject with them', async () => {
    const store = new FlotillaStore();
    const circle = ada();
    circle.circle = circle;
    expect(await calledBack(store, 'set', 'a', circle)).toEqual([expect.any(TypeError)]);
    await expect(store.set('a', circle)).rejects.toThrow(TypeError);
    await store.cache.set('sess:broken', '{');
    expect(await calledBack(store, 'get', 'broken')).toEqual([expect.any(SyntaxError)]);
    expect(await calledBack(store, 'all')).toEqual([expect.any(SyntaxError)]);
    for (const cookie of [{ expires: 'some day' }, { expires: {} }]) {
      expect(await calledBack(store, 'set', 'a', { cookie })).toMatchObject([
        { code: 'FLOTILLA_ERR_INVALID_ARGUMENT' },
      ]);
    }
    expect(await store.get('a')).toBeUndefined();
  });

  it('do not end the process where nobody takes the error', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const circle = ada();
    circle.circle = circle;
    new FlotillaStore().set('a', circle);
    await new Promise(setImmediate);
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });
});

describe('touch', () => {
  it('renews the expiry of the cookie that is kept, and leaves the rest as it is stored', async () => {
    const store = new FlotillaStore();
    await store.set('a', ada());
    await store.set('a', { ...ada(), visits: 2 });
    advance(MINUTE / 2);
    const { cookie } = ada();
    await store.touch('a', { cookie, name: 'not ada' });
    expect(await store.get('a')).toEqual({
      cookie: JSON.parse(JSON.stringify(cookie)),
      name: 'ada',
      visits: 2,
    });
    expect(await store.cache.getRemainingTTL('sess:a')).toBe(MINUTE);
    advance(MINUTE - 1);
    expect(await store.get('a')).toMatchObject({ name: 'ada' });
  });

  it('brings back no session that is not there', async () => {
    const store = new FlotillaStore();
    await store.touch('a', ada());
    expect([await store.get('a'), await store.length()]).toEqual([undefined, 0]);
  });
});

describe('a session lives', () => {
  it('as long as its cookie', async () => {
    const store = new FlotillaStore();
    await store.set('a', ada(MINUTE));
    expect(await store.cache.getRemainingTTL('sess:a')).toBe(MINUTE);
    advance(MINUTE - 1);
    expect(await store.get('a')).toMatchObject({ name: 'ada' });
    advance(2);
    expect([await store.get('a'), await store.length(), await store.all()]).toEqual([undefined, 0, []]);
  });

  it('a day where the cookie ends with the browser, or as long as the option says', async () => {
    const [store, shorter] = [new FlotillaStore(), new FlotillaStore({ ttl: 5000, prefix: 'short:' })];
    const cookies = [{}, { expires: null }, { expires: false }, undefined];
    for (const [id, cookie] of cookies.entries()) {
      await store.set(String(id), { cookie });
      await shorter.set(String(id), { cookie });
      expect(await store.cache.getRemainingTTL(`sess:${id}`)).toBe(24 * 60 * MINUTE);
      expect(await store.cache.getRemainingTTL(`short:${id}`)).toBe(5000);
    }
  });

  it('as long as a function says, whatever its cookie says', async () => {
    const ttl = vi.fn(({ name }) => (name === 'ada' ? 1234.5 : 10));
    const store = new FlotillaStore({ ttl });
    await store.set('a', ada());
    await store.set('b', { ...ada(), name: 'bob' });
    expect(await store.cache.getRemainingTTL('sess:a')).toBe(1235);
    expect(await store.cache.getRemainingTTL('sess:b')).toBe(10);
    expect(await calledBack(new FlotillaStore({ ttl: () => {} }), 'set', 'c', ada())).toMatchObject([
      {
        code: 'FLOTILLA_ERR_INVALID_ARGUMENT',
        message: expect.stringContaining('what the function ttl returns'),
      },
    ]);
  });

  it('again as long when it is touched, and what another stored meanwhile stays', async () => {
    const store = new FlotillaStore();
    await store.set('a', ada());
    advance(MINUTE / 2);
    await store.set('a', { ...ada(), name: 'grace' });
    await store.touch('a', ada(10 * MINUTE));
    expect(await store.cache.getRemainingTTL('sess:a')).toBe(10 * MINUTE);
    expect(await store.get('a')).toMatchObject({ name: 'grace' });
    await store.touch('b', ada());
    expect(await store.get('b')).toBeUndefined();
  });

  it('as the last write set it, with disableTouch', async () => {
    const store = new FlotillaStore({ disableTouch: true });
    await store.set('a', ada());
    advance(MINUTE / 2);
    await store.touch('a', ada());
    expect(await store.cache.getRemainingTTL('sess:a')).toBe(MINUTE / 2);
  });

  it('no longer once its cookie has ended: set and touch destroy it', async () => {
    const store = new FlotillaStore();
    for (const end of ['set', 'touch']) {
      await store.set('a', ada());
      await store[end]('a', ada(-1));
      expect(await store.get('a')).toBeUndefined();
    }
  });
});

describe('the cache of a store', () => {
  it('is shared by stores with prefixes of their own, which see and clear only what is theirs', async () => {
    const [first, second] = [new FlotillaStore(), new FlotillaStore({ prefix: 'other:' })];
    await first.set('a', ada());
    await second.set('a', { ...ada(), name: 'bob' });
    await first.cache.set('elsewhere', 1);
    await first.cache.set(1, 1);
    expect([await first.length(), await second.length()]).toEqual([1, 1]);
    await first.clear();
    expect([await first.length(), await second.length(), await first.cache.size()]).toEqual([0, 1, 3]);
  });

  it('may be one’s own', async () => {
    const cache = new LRUCacheClustered({ namespace: 'mine', max: 2 });
    const store = new FlotillaStore({ cache });
    expect(store.cache).toBe(cache);
    for (const id of ['a', 'b', 'c']) await store.set(id, ada());
    expect(await cache.keys()).toEqual(['sess:c', 'sess:b']);
  });

  it('is that of the namespace, of the size, that the options name', async () => {
    const { cache } = new FlotillaStore({ namespace: 'visitors', max: 7 });
    expect([(await cache.stats()).namespace, await cache.max()]).toEqual(['visitors', 7]);
    expect(() => new FlotillaStore({ namespace: 'visitors', max: 8 })).toThrow(
      expect.objectContaining({ code: 'FLOTILLA_ERR_CONFLICTING_OPTIONS' }),
    );
  });

  it.each([[{ cache: {} }], [{ cache: null }], [{ prefix: 1 }], [{ ttl: 0 }], [{ ttl: '1' }], [{ max: -1 }]])(
    'is not made of %j',
    (options) => {
      expect(() => new FlotillaStore(options)).toThrow(
        expect.objectContaining({ code: 'FLOTILLA_ERR_INVALID_ARGUMENT' }),
      );
    },
  );
});

describe('behind express-session', () => {
  const secret = 'a secret';

  it('load, regenerate and createSession are those of its own stores', async () => {
    const store = new FlotillaStore();
    const app = express();
    app.use(session({ secret, store, resave: false, saveUninitialized: true, cookie: { maxAge: MINUTE } }));
    app.get('/', (request, response) => {
      request.session.name = 'ada';
      request.session.save(() => {
        store.load(request.sessionID, (error, loaded) => {
          response.json({ error, name: loaded.name, ...loaded.cookie, id: loaded.id === request.sessionID });
        });
      });
    });
    const answer = await (await fetch(await serve(app))).json();
    expect(answer).toMatchObject({ error: null, name: 'ada', originalMaxAge: MINUTE, id: true });
    expect(await calledBack(store, 'load', 'none')).toEqual([]);
  });

  it('an error of the cache is the request’s, and no visitor is taken for a new one', async () => {
    const store = new FlotillaStore();
    const app = express();
    app.use(session({ secret, store, resave: false, saveUninitialized: true }));
    app.get('/', (request, response) => response.json(request.session.id));
    app.use((error, _request, response, _next) => response.status(500).json(error.name));
    const url = await serve(app);
    const { headers } = await fetch(url);
    const cookie = headers.get('set-cookie').split(';')[0];
    const [id] = await store.cache.keys();
    await store.cache.set(id, '{');
    const answer = await fetch(url, { headers: { cookie } });
    expect([answer.status, await answer.json(), answer.headers.get('set-cookie')]).toEqual([
      500,
      'SyntaxError',
      null,
    ]);
  });

  it('is not needed where only @fastify/session is installed', async () => {
    const folder = emptyFolder();
    installCopy(folder);
    const script = `
      const { FlotillaStore } = require('flotilla/express-session');
      const store = new FlotillaStore();
      store.set('a', { name: 'ada' }, () => store.get('a', (error, { name }) => console.log(error, name)));`;
    const env = { ...process.env, FLOTILLA_ADDON: builtAddon };
    const ended = await node(['-e', script], { cwd: folder, env });
    expect(ended).toMatchObject({ code: 0, stdout: 'null ada\n' });
  });
});
