// From a scope's values to data and back, and into a page.

import {
  computed,
  createScope,
  effect,
  hydrateScope,
  runInScope,
  serializeScope,
  serializeToScript,
  signal,
} from 'flotilla/core';
import { describe, expect, it } from 'vitest';

describe('serializing', () => {
  it('gives own and inherited values by key, the child’s first', () => {
    const [a, b, c] = ['ser a', 'ser b', 'ser c'].map((key) => signal(0, { key }));
    const parent = createScope();
    parent.set(a, 1);
    parent.set(b, 1);
    const child = parent.fork();
    child.set(b, 2);
    child.set(c, 2);
    c.set(9);
    expect(serializeScope(child)).toEqual({ 'ser a': 1, 'ser b': 2, 'ser c': 2 });
    expect(parent.serialize()).toEqual({ 'ser a': 1, 'ser b': 1 });
  });

  it('gives no global value', () => {
    signal(1, { key: 'global alone' }).set(2);
    expect(createScope().serialize()).toEqual({});
  });

  it('names a signal without a key by its place among those', () => {
    const [first, named, second] = [signal(0), signal(0, { key: 'named' }), signal(0)];
    const scope = createScope();
    for (const each of [first, named, second]) scope.set(each, 1);
    const keys = Object.keys(scope.serialize());
    const [, place] = /^\$(\d+)$/.exec(keys[0]);
    expect(keys).toEqual([`$${place}`, 'named', `$${Number(place) + 1}`]);
  });

  it('leaves out a signal that says so, at any depth', () => {
    const secret = signal('', { serialize: false, key: 'secret' });
    const parent = createScope();
    parent.set(secret, 'parent');
    const child = parent.fork();
    child.set(secret, 'child');
    expect(child.serialize()).toEqual({});
    expect(createScope({ values: { secret: 'smuggled' } }).serialize()).toEqual({});
    expect(createScope({ values: { secret: 'smuggled' } }).get(secret)).toBe('');
  });

  it('writes and reads values in the signal’s own format', () => {
    const when = signal(new Date(0), {
      key: 'when',
      serialize: { write: (date) => date.toISOString(), read: (text) => new Date(text) },
    });
    const scope = createScope();
    scope.set(when, new Date(86_400_000));
    expect(scope.serialize()).toEqual({ when: '1970-01-02T00:00:00.000Z' });
    const copy = createScope({ values: JSON.parse(JSON.stringify(scope.serialize())) });
    expect(copy.get(when)).toEqual(new Date(86_400_000));
  });

  it('keeps names that mean something to objects as plain keys', () => {
    const keys = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype'];
    const signals = keys.map((key) => signal(0, { key }));
    const scope = createScope();
    signals.forEach((each, index) => {
      scope.set(each, { polluted: index });
    });
    const text = JSON.stringify(scope.serialize());
    const copy = createScope({ values: JSON.parse(text) });
    expect(signals.map((each) => copy.get(each).polluted)).toEqual([0, 1, 2, 3, 4]);
    expect(JSON.stringify(copy.fork().serialize())).toBe(text);
    expect({}.polluted).toBeUndefined();
  });

  it('refuses a key that a living signal has', () => {
    const first = signal(0, { key: 'twice' });
    expect(() => signal(1, { key: 'twice' })).toThrow(
      expect.objectContaining({ code: 'FLOTILLA_ERR_DUPLICATE_KEY' }),
    );
    expect(first.get()).toBe(0);
  });
});

describe('hydrating', () => {
  it('gives a scope the values, also of signals that are made later', () => {
    const scope = createScope();
    hydrateScope(scope, { 'hyd early': 1, 'hyd late': 2 });
    const [early, late] = [signal(0, { key: 'hyd early' }), signal(0, { key: 'hyd late' })];
    const child = scope.fork();
    expect([scope.get(early), child.get(late)]).toEqual([1, 2]);
    expect([early.get(), late.get()]).toEqual([0, 0]);
  });

  it('is passed on by serializing, before and after the signals are used', () => {
    const scope = createScope({ values: { 'pass a': 1, 'pass b': 2 } });
    const a = signal(0, { key: 'pass a' });
    expect(scope.fork().serialize()).toEqual({ 'pass a': 1, 'pass b': 2 });
    expect(scope.get(a)).toBe(1);
    expect(scope.serialize()).toEqual({ 'pass a': 1, 'pass b': 2 });
  });

  it('replaces values, tells effects and lets computeds be evaluated anew', () => {
    const count = signal(0, { key: 'hyd count' });
    const other = signal(0, { key: 'hyd other' });
    const sum = computed(() => count.get() + other.get());
    const scope = createScope();
    scope.set(count, 1);
    const child = scope.fork();
    const seen = [];
    runInScope(child, () => effect(() => void seen.push(sum.get())));
    hydrateScope(scope, { 'hyd count': 5, 'hyd other': 10 });
    hydrateScope(scope, { 'hyd count': 6 });
    expect(seen).toEqual([1, 15, 16]);
    expect(child.get(sum)).toBe(16);
  });

  it('gives way to a value that is set before it is read', () => {
    const count = signal(0, { key: 'hyd set' });
    const scope = createScope({ values: { 'hyd set': 1 } });
    scope.set(count, 2);
    expect([scope.get(count), scope.serialize()]).toEqual([2, { 'hyd set': 2 }]);
  });

  it('changes nothing when a value cannot be read', () => {
    const format = {
      write: String,
      read(json) {
        if (json === 'broken') throw new Error('cannot be read');
        return json;
      },
    };
    const [good, bad] = [signal(0, { key: 'hyd good' }), signal(0, { key: 'hyd bad', serialize: format })];
    const scope = createScope();
    scope.set(good, 1);
    scope.set(bad, 1);
    expect(() => hydrateScope(scope, { 'hyd good': 2, 'hyd bad': 'broken' })).toThrow('cannot be read');
    expect([scope.get(good), scope.get(bad)]).toEqual([1, 1]);
  });

  it.each([
    ['no scope', () => hydrateScope({}, {})],
    ['no data', () => hydrateScope(createScope(), undefined)],
    ['null', () => hydrateScope(createScope(), null)],
    ['an array', () => hydrateScope(createScope(), [])],
    ['text', () => hydrateScope(createScope(), '{}')],
    ['no scope to serialize', () => serializeScope(undefined)],
    ['no scope for a script', () => serializeToScript('x')],
  ])('refuses %s', (_what, call) => {
    expect(call).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'FLOTILLA_ERR_INVALID_ARGUMENT' }),
    );
  });
});

describe('a script element', () => {
  const text = signal('', { key: 'text</script>' });
  const hostile = '</script><script>alert(1)</script><!-- <script> ]]> & \u2028 \u2029';

  it('holds the values as JSON', () => {
    const scope = createScope();
    scope.set(text, hostile);
    const [, id, json] = /^<script type="application\/json" id="([^"]*)">(.*)<\/script>$/s.exec(
      serializeToScript(scope),
    );
    expect(id).toBe('flotilla-scope');
    expect(JSON.parse(json)).toEqual({ 'text</script>': hostile });
  });

  it('cannot be ended, commented out or broken by a value or a key', () => {
    const scope = createScope();
    scope.set(text, hostile);
    const inside = serializeToScript(scope)
      .replace(/^<script[^>]*>/, '')
      .replace(/<\/script>$/, '');
    expect(inside).not.toMatch(/[<>&\u2028\u2029]/);
  });

  it('takes an id, which cannot break out of its quotes', () => {
    expect(serializeToScript(createScope(), { id: 'state-1' })).toContain('id="state-1"');
    expect(() => serializeToScript(createScope(), { id: 'x" onload="alert(1)' })).toThrow(TypeError);
  });
});
