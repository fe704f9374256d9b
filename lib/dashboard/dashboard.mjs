/** The page of the admin port: asks for the status each second, and says what can be done where something can. */

import { say } from './elements.mjs';
import { View } from './view.mjs';

const EVERY_MS = 1000;
const TOKEN = 'flotilla-token';

/** @param {string} id @returns {any} */
const at = (id) => document.getElementById(id);
let token = sessionStorage.getItem(TOKEN) ?? '';
/** @type {View | undefined} */
let view;

const headers = () => (token ? { authorization: `Bearer ${token}` } : undefined);

/** @param {string} text @param {string} kind */
function showConnection(text, kind) {
  say(at('connection'), text);
  at('connection').className = `badge ${kind}`;
}

/** @param {string} action @param {object} given */
async function act(action, given) {
  const body = JSON.stringify(given);
  const asked = { method: 'POST', headers: { ...headers(), 'content-type': 'application/json' }, body };
  try {
    const response = await fetch(`/actions/${action}`, asked);
    const { accepted, error } = await response.json();
    say(at('said'), accepted ? `Asked to ${accepted}.` : `Refused: ${error}`);
  } catch {
    say(at('said'), `Nobody answered when asked to ${action}.`);
  }
}

/** @param {Response} response */
async function show(response) {
  const status = await response.json();
  // Where nothing can be done, nothing is offered.
  view ??= new View(at('view'), status.actions ? act : undefined);
  view.show(status);
  const isReady = status.servers.every((/** @type {any} */ server) => server.ready);
  showConnection(isReady ? 'live' : 'not ready', isReady ? 'good' : 'warn');
  say(at('version'), status.flotilla);
  say(at('seen'), new Date(status.at).toLocaleTimeString('en-GB'));
}

/** @param {boolean} isWanted */
function askForToken(isWanted) {
  if (at('entrance').hidden === !isWanted) return;
  at('entrance').hidden = !isWanted;
  if (isWanted) at('token').focus();
}

async function look() {
  try {
    const response = await fetch('/status.json', { headers: headers(), cache: 'no-store' });
    if (response.status === 401) {
      if (token) say(at('refused'), 'This is not the token.');
      token = '';
      showConnection('needs a token', 'warn');
      askForToken(true);
    } else {
      askForToken(false);
      if (response.ok) await show(response);
      else showConnection(`refused (${response.status})`, 'bad');
    }
  } catch {
    showConnection('no answer', 'bad');
  }
}

at('entrance').addEventListener('submit', (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  token = at('token').value;
  sessionStorage.setItem(TOKEN, token);
  look();
});

for (;;) {
  if (!(document.hidden || (!token && !at('entrance').hidden))) await look();
  await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
}
