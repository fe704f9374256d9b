/**
 * The option `admin`: where figures are shown, to whom, and whether anything can be done there.
 *
 * What opens more than the figures, to more than this machine, is refused unless a token guards it.
 */

/** @import { ResolvedAdminOptions } from '../../index.js' */

const { isIP } = require('node:net');
const check = require('../base/check.js');
const { checkNames } = require('../base/option-names.js');

const names = ['host', 'port', 'token', 'hosts', 'actions'];
const PORT = 9464;
const HOST = '127.0.0.1';
const SHORTEST_TOKEN = 16;
const TOKEN_VARIABLE = 'FLOTILLA_ADMIN_TOKEN';

/** @param {string} host */
const isLoopback = (host) =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && /^127\./.test(host));

/**
 * @param {string} name
 * @param {unknown} value
 */
function token(name, value) {
  const isLong = typeof value === 'string' && value.length >= SHORTEST_TOKEN;
  if (isLong && /^[\x21-\x7e]+$/.test(value)) return value;
  // What was given is not repeated: it is meant to be secret.
  throw check.invalid(
    name,
    `at least ${SHORTEST_TOKEN} characters of ASCII without spaces`,
    typeof value === 'string' ? '…' : value,
  );
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function hosts(name, value) {
  if (Array.isArray(value) && value.every((each) => typeof each === 'string' && /^[^\s/:]+$/.test(each))) {
    return [...value];
  }
  throw check.invalid(name, 'an array of host names, without ports', value);
}

/**
 * @param {string} name
 * @param {any} given
 * @returns {ResolvedAdminOptions | false}
 */
function adminOptions(name, given) {
  if (given === false) return false;
  checkNames(name, check.record(name, given), names);
  const host = given.host === undefined ? HOST : check.text(`${name}.host`, given.host);
  const fromEnvironment = process.env[TOKEN_VARIABLE];
  const secret = given.token ?? (fromEnvironment || undefined);
  const options = {
    host,
    port: given.port === undefined ? PORT : check.port(`${name}.port`, given.port),
    hosts: given.hosts === undefined ? [] : hosts(`${name}.hosts`, given.hosts),
    actions: given.actions === undefined ? false : check.flag(`${name}.actions`, given.actions),
    token: secret === undefined ? undefined : token(`${name}.token`, secret),
  };
  const needing = options.actions ? `${name}.actions` : isLoopback(host) ? undefined : `${name}.host`;
  if (options.token === undefined && needing) {
    const what = `given in the options or in ${TOKEN_VARIABLE}, where ${needing} is ${given.actions ? 'true' : 'not this machine alone'}`;
    throw check.invalid(`${name}.token`, what, undefined);
  }
  return options;
}

module.exports = { adminOptions };
