// What runs in the page: takes over the server's state, and renders again whenever it changes.

import { createScope, effect, hydrateScope, runInScope } from 'flotilla/core';
import { basket } from './state.mjs';
import { view } from './view.mjs';

const element = (id) => document.getElementById(id);

const scope = createScope();
hydrateScope(scope, JSON.parse(element('flotilla-scope').textContent));

runInScope(scope, () => {
  effect(() => {
    const html = view();
    if (element('page').innerHTML !== html) element('page').innerHTML = html;
  });
});

element('add').addEventListener('click', () => {
  scope.set(basket, [...scope.get(basket), { name: 'pear', price: 3 }]);
});
