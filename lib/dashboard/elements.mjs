/** Elements, made in one line. */

/**
 * @param {Element} element
 * @param {Record<string, string | number>} attributes
 * @param {(string | Node)[]} children
 */
function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {(string | Node)[]} children
 * @returns {any}
 */
export const h = (tag, attributes = {}, ...children) =>
  filled(document.createElement(tag), attributes, children);

/**
 * @param {string} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {(string | Node)[]} children
 * @returns {any}
 */
export const svg = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

/** Changes text only where it is another one: a screen reader need not read it again. @param {any} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Names with values, whose values change. */
export class Figures {
  /** @type {Map<string, any>} */
  #values = new Map();

  /**
   * @param {string} kind its class
   * @param {string[]} names
   */
  constructor(kind, names) {
    this.element = h('dl', { class: kind });
    for (const name of names) {
      const value = h('dd', {}, '–');
      this.#values.set(name, value);
      this.element.append(h('div', {}, h('dt', {}, name), value));
    }
  }

  /** @param {Record<string, string>} figures */
  show(figures) {
    for (const [name, text] of Object.entries(figures)) say(this.#values.get(name), text);
  }
}

/** One element for each thing of a list, kept as long as the thing is there, so that nobody loses the focus. */
export class List {
  /** @type {Map<string, any>} */
  #items = new Map();

  /**
   * @param {any} element which holds them
   * @param {(thing: any) => { element: Element, show: (thing: any, before: any) => void }} make
   */
  constructor(element, make) {
    this.element = element;
    this.make = make;
  }

  /** Only what is not where it should be is moved. @param {Element} item @param {number} at */
  #place(item, at) {
    const there = this.element.children[at];
    if (there !== item) this.element.insertBefore(item, there ?? null);
  }

  /**
   * @param {[key: string, thing: any][]} things
   */
  show(things) {
    const keys = new Set(things.map(([key]) => key));
    for (const [key, item] of this.#items) {
      if (keys.has(key)) continue;
      item.view.element.remove();
      this.#items.delete(key);
    }
    for (const [at, [key, thing]] of things.entries()) {
      let item = this.#items.get(key);
      if (!item) {
        item = { view: this.make(thing), before: undefined };
        this.#items.set(key, item);
      }
      this.#place(item.view.element, at);
      item.view.show(thing, item.before);
      item.before = thing;
    }
  }
}
