// The state of a page: the same on the server and in the browser. Each signal that crosses has a key.

import { computed, signal } from 'flotilla/core';

export const visitor = signal('stranger', { key: 'visitor' });
/** @type {import('flotilla/core').Signal<{ name: string, price: number }[]>} */
export const basket = signal([], { key: 'basket' });
export const since = signal(new Date(0), {
  key: 'since',
  serialize: { write: (date) => date.toISOString(), read: (text) => new Date(String(text)) },
});
/** What the browser must not learn. */
export const session = signal('', { serialize: false });

export const total = computed(() => basket.get().reduce((sum, { price }) => sum + price, 0));
