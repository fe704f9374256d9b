// A contestant in a process of its own. What it calls, V8 then sees used in one way only, as in a program that uses
// one library; and a heap of a million objects weighs on nobody else.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { timedCall } from '../harness/call.mjs';

const OWN = fileURLToPath(import.meta.url);

/**
 * @param {string} module the address of a module that exports functions which prepare a call, by name
 * @param {string} name of one of them
 * @returns {import('../harness/types.d.ts').RoundContestant['prepare']}
 */
export function inChild(module, name) {
  return async ({ milliseconds }) => {
    const child = fork(OWN, [module, name, String(milliseconds)]);
    const ended = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`the process of ${name} ended with ${signal ?? `exit code ${code}`}`);
    });
    ended.catch(() => {});
    const answer = async () => {
      const [message] = await Promise.race([once(child, 'message'), ended]);
      return message;
    };
    await answer();
    return {
      async round() {
        child.send('round');
        return answer();
      },
      close: () => child.kill(),
    };
  };
}

async function serve() {
  const [module, name, milliseconds] = process.argv.slice(2);
  const contestants = await import(module);
  const { round } = await timedCall(contestants[name](), {
    awaited: false,
    milliseconds: Number(milliseconds),
  });
  process.on('message', async () => process.send?.(await round()));
  process.on('disconnect', () => process.exit());
  process.send?.('ready');
}

if (process.argv[1] === OWN) await serve();
