// The page's contents, from the state of whoever calls: on the server that of the request.

import { basket, since, total, visitor } from './state.mjs';

/** @type {Record<string, string>} */
const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** @param {string} text */
const escaped = (text) => text.replace(/[&<>"']/g, (character) => entities[character]);

export function view() {
  const goods = basket.get().map(({ name, price }) => `<li>${escaped(name)}: ${price}</li>`);
  return `<h1>Hello ${escaped(visitor.get())}</h1>
<p>here since <time>${since.get().toISOString()}</time></p>
<ul>${goods.join('')}</ul>
<p>Total: <output>${total.get()}</output></p>`;
}
