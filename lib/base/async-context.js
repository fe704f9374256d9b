/**
 * Has Node.js choose early how it keeps the context of what is asynchronous.
 *
 * Node.js 24 chooses when a program first asks, and gives a class another prototype then. What V8 has learnt of that class
 * before is wrong from then on, and each tick of the process looks the class's functions up for as long as it lives.
 * Where it chooses before the first ticks, nothing has been learnt yet. Later versions keep the prototype, and earlier ones
 * choose otherwise: there it changes nothing.
 */

const asyncHooks = require('node:async_hooks');

/** Asking is all it takes: no context is made, and no hook is set. */
const settleAsyncContext = () => void asyncHooks.AsyncLocalStorage;

module.exports = { settleAsyncContext };
