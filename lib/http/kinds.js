/** What an application is, by looking at it. It is made into something that serves in `application.js`. */

const net = require('node:net');
const { describe, invalidArgument } = require('../base/argument.js');
const { createError } = require('../errors.js');

const kinds =
  'an Express, Koa or Fastify application, a function of request and response, an http.Server, an application with fetch(request) such as Hono’s, or something that has listen(port, host, callback)';

/** @param {any} app */
const isFastify = (app) => app?.server instanceof net.Server && typeof app.ready === 'function';

/** @param {any} app */
const hasMethods = (app) => ['listen', 'callback'].some((name) => typeof app?.[name] === 'function');

/**
 * Whether this makes an application, where one may be given instead: a function that takes no request.
 *
 * @param {any} app
 */
const isFactory = (app) => typeof app === 'function' && app.length === 0 && !hasMethods(app);

/** @param {any} app an application, or what makes one @returns {() => any} */
const factoryOf = (app) => (isFactory(app) ? app : () => app);

/**
 * Whether this is an application in the manner of the web, or its `fetch` alone: a function that takes one argument, for what answers a request of
 * Node's takes two, and what makes an application none.
 *
 * @param {any} app one without `listen` and `callback`
 */
const isFetching = (app) =>
  typeof app === 'function' ? app.length === 1 : typeof app === 'object' && typeof app?.fetch === 'function';

/** @param {any} app */
const isOfTheWeb = (app) => !hasMethods(app) && !(app instanceof net.Server) && isFetching(app);

/**
 * Refuses what cannot be served before anything is done with it.
 *
 * @param {any} app
 */
function checkApp(app) {
  if (typeof app !== 'function' && !(app instanceof net.Server) && !hasMethods(app) && !isOfTheWeb(app))
    throw invalidArgument('app', kinds, app);
}

/**
 * Refuses what makes no application: one that is there already, too. It would be called with a context for its request.
 *
 * @param {any} factory
 * @returns {(context: any) => unknown}
 */
function checkFactory(factory) {
  const takesRequests =
    typeof factory === 'function' &&
    (factory.length > 1 || (factory.length === 1 && factory.name === 'fetch'));
  const isFunction = typeof factory === 'function' && !takesRequests && !hasMethods(factory);
  if (isFunction) return factory;
  const isApp = takesRequests || factory instanceof net.Server || hasMethods(factory) || isOfTheWeb(factory);
  const expected = 'a function that makes the application from the context, such as () => app';
  const details = ['app', expected, isApp ? 'an application' : describe(factory)];
  throw createError('FLOTILLA_ERR_INVALID_ARGUMENT', details);
}

/**
 * Whether an accepted socket can be given to what serves this application: to Node's own servers. Those of ultimate-express
 * are not.
 *
 * @param {any} app one that was checked
 */
const takesSockets = (app) => app?.uwsApp === undefined;

/**
 * Whether all that is known of an application is that it listens.
 *
 * @param {any} app one that was checked
 */
const onlyListens = (app) =>
  !isFastify(app) &&
  !(app instanceof net.Server) &&
  !isOfTheWeb(app) &&
  ![typeof app, typeof app.callback].includes('function');

module.exports = {
  checkApp,
  checkFactory,
  factoryOf,
  hasMethods,
  isFactory,
  isFastify,
  isOfTheWeb,
  kinds,
  onlyListens,
  takesSockets,
};
