// What the suite `scopes` times, one function a contestant. Each returns the call.

import { createRequire } from 'node:module';
import { MapServerScope } from './map-server-scope.mjs';

const require = createRequire(import.meta.url);

/** @typedef {import('../../index.js').ServerScope | MapServerScope} AnyServerScope */

const FEW = 1_000;
const MANY = 1_000_000;

const { createServerScope, signal } = require('flotilla');

/**
 * What a request does: fork, set, get, serialize, dispose.
 *
 * @param {import('../../index.js').ServerScope} server
 */
function cycle(server) {
  const user = signal('nobody', { key: 'user' });
  return () => {
    const scope = server.fork();
    scope.set(user, 'ada');
    scope.get(user);
    const data = scope.serialize();
    server.dispose(scope.id);
    return data;
  };
}

/**
 * @param {AnyServerScope} server
 * @param {number} entries
 */
function forkAtCapacity(server, entries) {
  for (let count = 0; count < entries; count++) server.fork();
  return () => server.fork();
}

export const flotillaCycle = () => cycle(createServerScope({ maxEntries: FEW }));
export const mapCycle = () => cycle(/** @type {any} */ (new MapServerScope({ maxEntries: FEW })));
export const flotillaFew = () => forkAtCapacity(createServerScope({ maxEntries: FEW }), FEW);
export const mapFew = () => forkAtCapacity(new MapServerScope({ maxEntries: FEW }), FEW);
export const flotillaMany = () => forkAtCapacity(createServerScope({ maxEntries: MANY }), MANY);
export const mapMany = () => forkAtCapacity(new MapServerScope({ maxEntries: MANY }), MANY);

export function effectorCycle() {
  const { createStore, fork, serialize } = require('effector');
  const user = createStore('nobody', { sid: 'user' });
  return () => {
    const scope = fork({ values: [[user, 'ada']] });
    scope.getState(user);
    return serialize(scope);
  };
}

/** jotai has nothing that serializes a store: its cycle is one step shorter. */
export function jotaiCycle() {
  const { atom, createStore } = require('jotai/vanilla');
  const user = atom('nobody');
  return () => {
    const store = createStore();
    store.set(user, 'ada');
    return store.get(user);
  };
}
