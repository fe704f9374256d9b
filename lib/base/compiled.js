/**
 * What V8 has compiled is kept for the next process of the same program: the command and its workers start the sooner by it.
 *
 * It lies in `node_modules/.cache`, beside the code that it is made of, so that whoever could change the one could change the
 * other. Node writes it when a process ends, looks whether the source is still the same, and goes on without it where it cannot
 * write. `NODE_DISABLE_COMPILE_CACHE=1` turns it off.
 */

/** Node.js 20 has no such cache. @type {{ enableCompileCache?: (folder: string) => unknown }} */
const compiler = /** @type {any} */ (require('node:module'));
const path = require('node:path');

/** The folder of the package: in an application it lies among others, in a clone it has them itself. */
const home = path.resolve(__dirname, '../..');
const above = path.dirname(home);
const modules = path.basename(above) === 'node_modules' ? above : path.join(home, 'node_modules');

function keepCompiled() {
  // What measures coverage needs functions that were compiled anew.
  if (process.env.NODE_V8_COVERAGE) return;
  compiler.enableCompileCache?.(path.join(modules, '.cache', 'flotilla'));
}

module.exports = { keepCompiled };
