// The documents of the command name what there is, and nothing else.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';

const require = createRequire(import.meta.url);
const { flags } = require('../../lib/command/knobs.js');
const { verbs } = require('../../lib/command/verbs.js');
const read = (file) => readFileSync(path.join(root, 'docs', file), 'utf8');

describe('docs/any-app.md', () => {
  const text = read('any-app.md');

  it('has every option of start, and every verb', () => {
    for (const { flag } of flags) expect(text).toContain(`--${flag}`);
    for (const { name } of verbs) expect(text).toContain(`flotilla ${name}`);
  });
});

describe.each(['any-app.md', 'coming-from.md', 'operations.md', 'faq.md'])('docs/%s', (file) => {
  it('names no option and no verb that there is not', () => {
    const known = new Set(verbs.flatMap(({ options }) => options).map(({ flag }) => flag));
    const said = read(file).matchAll(/`flotilla ([a-z-]+)([^`]*)`/g);
    for (const [whole, verb, rest] of said) {
      expect(
        verbs.map(({ name }) => name),
        whole,
      ).toContain(verb);
      const own = rest.split(' -- ')[0];
      for (const [, flag] of own.matchAll(/--([a-z-]+)/g)) expect([...known], whole).toContain(flag);
    }
  });
});
