/**
 * The endpoints that tell how a server is: `/health`, `/ready` and `/live`, or what they were named.
 *
 * They are looked at before the application, and answered whatever the application is doing. On a port of their
 * own they outlast the server's: they answer until everything is released.
 */

/** @import { IncomingMessage, ServerResponse } from 'node:http' */
/** @import { HealthReport } from '../../index.js' */

/** @typedef {'health' | 'ready' | 'live'} Kind */
/**
 * @typedef {object} Condition what the endpoints tell
 * @property {() => boolean} isReady
 * @property {() => Promise<HealthReport>} report
 */

const QUESTION_MARK = 63;

/**
 * Whether a URL has that path. Every request is asked, and hardly one has it: a length or a character mostly says so.
 *
 * @param {string} url
 * @param {string} path
 */
function hasPath(url, path) {
  const { length } = path;
  if (url.length === length) return url === path;
  return url.length > length && url.charCodeAt(length) === QUESTION_MARK && url.startsWith(path);
}

/**
 * @param {ServerResponse} response
 * @param {number} status
 * @param {unknown} body
 */
function answer(response, status, body) {
  // The client may have gone while the checks were asked.
  if (response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  });
  response.end(text);
}

/** @typedef {Endpoints} Instance */

class Endpoints {
  /** @type {{ path: string, kind: Kind }[]} */
  #paths = [];

  /**
   * @param {Partial<Record<Kind, string | false>> | false} paths
   * @param {Condition} condition
   */
  constructor(paths, condition) {
    this.condition = condition;
    for (const kind of paths ? /** @type {const} */ (['health', 'ready', 'live']) : []) {
      const path = paths ? paths[kind] : false;
      if (path) this.#paths.unshift({ path, kind });
    }
  }

  /**
   * @param {IncomingMessage} request
   * @returns {Kind | undefined} which endpoint it asks for, if it does
   */
  asked({ method, url }) {
    for (const { path, kind } of this.#paths) {
      if (hasPath(String(url), path)) return method === 'GET' || method === 'HEAD' ? kind : undefined;
    }
    return undefined;
  }

  /**
   * @param {Kind} kind
   * @param {ServerResponse} response
   */
  answer(kind, response) {
    if (kind === 'live') return answer(response, 200, { status: 'live' });
    if (kind === 'ready') return this.#answerReady(response);
    this.condition.report().then(
      (report) => answer(response, report.status === 'healthy' ? 200 : 503, report),
      () => answer(response, 503, { status: 'unhealthy' }),
    );
  }

  /** @param {ServerResponse} response */
  #answerReady(response) {
    const ready = this.condition.isReady();
    answer(response, ready ? 200 : 503, { status: ready ? 'ready' : 'not ready' });
  }

  /** A server that answers the endpoints and nothing else. */
  server() {
    return require('node:http').createServer((request, response) => {
      const kind = this.asked(request);
      if (kind) this.answer(kind, response);
      else answer(response, 404, { status: 'not found' });
    });
  }
}

module.exports = { Endpoints };
