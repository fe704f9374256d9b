// What the documents say of each other, and of names that another part of the repository decides.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';

const read = (file) => readFileSync(path.join(root, file), 'utf8');
const pages = readdirSync(path.join(root, 'docs')).filter(
  (name) => name.endsWith('.md') && name !== 'README.md',
);

describe('the index of the documents', () => {
  it('has each page once', () => {
    const linked = [...read('docs/README.md').matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, name]) => name);
    expect(linked.sort()).toEqual(pages.sort());
  });
});

describe('the metrics', () => {
  const source = read('src/admin/exposition.rs');
  const known = new Set([...source.matchAll(/^ {8}"(\w+)",$/gm)].map(([, name]) => name));

  it.each(pages)('that docs/%s names are there', (page) => {
    const named = [...read(`docs/${page}`).matchAll(/\bflotilla_([a-z_]+)/g)].map(([, name]) => name);
    expect(named.filter((name) => !known.has(name.replace(/_(total|bucket)$/, '')))).toEqual([]);
  });
});
