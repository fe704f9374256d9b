import { afterEach, describe, expect, it } from 'vitest';
import { createContext, createServer, getServerConfig, setServerConfig } from '../../index.mjs';

const token = 'a-token-for-tests-alone';
const set = (admin) => setServerConfig({ admin }).admin;

afterEach(() => {
  delete process.env.FLOTILLA_ADMIN_TOKEN;
  setServerConfig({ admin: false });
});

describe('the option admin', () => {
  it('has a default for each of its fields, and is off by default', () => {
    expect(getServerConfig().admin).toBe(false);
    expect(set({})).toEqual({ host: '127.0.0.1', port: 9464, hosts: [], actions: false, token: undefined });
    process.env.FLOTILLA_ADMIN_TOKEN = token;
    expect(set({ actions: true })).toMatchObject({ token, actions: true });
  });

  it.each([
    [true, 'admin must be an object'],
    [{ prot: 1 }, 'port'],
    [{ port: -1 }, 'admin.port'],
    [{ actions: 'yes' }, 'admin.actions'],
    [{ hosts: ['http://a'] }, 'admin.hosts'],
    [{ token: 'short' }, 'admin.token'],
    [{ token: `${token} with spaces` }, 'admin.token'],
    [{ actions: true }, 'admin.token'],
    [{ host: '0.0.0.0' }, 'admin.token'],
    [{ host: '::' }, 'admin.token'],
    [{ host: '127.evil.example' }, 'admin.token'],
  ])('refuses %j at the door, and changes nothing', (admin, named) => {
    const attempts = [
      () => setServerConfig({ admin }),
      () => createServer(createContext(), { app: () => () => {}, admin }),
    ];
    for (const attempt of attempts) expect(attempt).toThrow(named);
    expect(getServerConfig().admin).toBe(false);
  });

  it('does not repeat a token that it refuses', () => {
    expect(() => set({ token: 'secret word' })).toThrow(/^(?!.*secret)/);
  });
});
