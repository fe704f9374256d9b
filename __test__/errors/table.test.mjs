import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';

const require = createRequire(import.meta.url);
const { FlotillaError, createError, table } = require('../../lib/errors.js');
const addon = require('../../lib/native/loader.js');

describe('the table of errors', () => {
  it('agrees with every error that native code can raise', () => {
    const native = addon.errorTable();
    expect(native.length).toBeGreaterThan(0);
    for (const { code, fault, retryCanHelp } of native) {
      expect(table[code], code).toMatchObject({ fault, retryCanHelp });
    }
  });

  it('is documented whole in docs/errors.md', () => {
    const page = readFileSync(path.join(root, 'docs/errors.md'), 'utf8');
    const headings = [...page.matchAll(/^## (\w+)$/gm)].map(([, code]) => code);
    expect(headings).toEqual(Object.keys(table));
  });

  it('is what the contract calls FlotillaErrorCode', () => {
    const contract = readFileSync(path.join(root, 'index.d.ts'), 'utf8');
    const union = /type FlotillaErrorCode =([^;]*);/.exec(contract)?.[1] ?? '';
    const codes = [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code);
    expect(codes.sort()).toEqual(Object.keys(table).sort());
  });

  it('gives every code a message that ends the sentence it begins', () => {
    for (const [code, row] of Object.entries(table)) {
      const message = row.message('one', 'two', 'three');
      expect(message, code).not.toContain('undefined');
      expect(message, code).not.toMatch(/[.\s]$/);
      expect(row.meaning, code).toMatch(/\.$/);
      expect(row.remedy, code).toMatch(/\.$/);
    }
  });
});

describe('an error of the table', () => {
  it('carries its code, whose fault it is, whether a retry can help, and its cause', () => {
    const cause = new Error('why');
    const error = createError('FLOTILLA_ERR_ADDON_FOREIGN', ['x.node', 'reasons'], { cause });
    expect(error).toBeInstanceOf(FlotillaError);
    expect(error).toMatchObject({
      name: 'FlotillaError',
      code: 'FLOTILLA_ERR_ADDON_FOREIGN',
      fault: 'system',
      retryCanHelp: false,
      cause,
    });
  });

  it('is a built-in TypeError where a type is wrong', () => {
    const error = createError('FLOTILLA_ERR_INVALID_ARGUMENT', ['max', 'a positive integer', '-1']);
    expect(error).toBeInstanceOf(TypeError);
    expect(error.name).toBe('TypeError');
    expect(error.message).toBe('max must be a positive integer; it is -1');
    expect(error).toMatchObject({ code: 'FLOTILLA_ERR_INVALID_ARGUMENT', fault: 'caller' });
  });

  it('has a trace that starts where it was raised', () => {
    function raise() {
      return createError('FLOTILLA_ERR_EXPRESS_MISSING');
    }
    expect(raise().stack.split('\n')[1]).toContain('raise');
  });
});
