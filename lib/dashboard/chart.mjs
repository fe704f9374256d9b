/** Lines over the last two minutes, with axes, and in words for those who do not see them. */

import { h, svg } from './elements.mjs';

const SECONDS = 120;
const HEIGHT = 176;
const MARGIN = { top: 12, right: 8, bottom: 22, left: 58 };

/** A round number that is no less. @param {number} value */
function roundUp(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value) ?? 10 * power;
}

export class Chart {
  /** @type {{ at: number, values: number[] }[]} */
  #points = [];
  #canvas;
  #format;
  #title;
  #names;

  /**
   * @param {string} title
   * @param {string[]} names one or two series
   * @param {(value: any) => string} format of their values
   */
  constructor(title, names, format) {
    this.#title = title;
    this.#names = names;
    this.#format = format;
    this.#canvas = svg('svg', { class: 'chart', role: 'img', 'aria-label': title });
    const keys = names.map((name, at) => h('span', { class: 'key' }, sample(at), name));
    const legend = names.length < 2 ? [] : [h('span', { class: 'keys' }, ...keys)];
    this.element = h('figure', {}, h('figcaption', {}, title, ...legend), this.#canvas);
    // What it says stays as large as the rest of the page, however wide that becomes.
    new ResizeObserver(() => this.#draw(this.#points.at(-1)?.at ?? 0)).observe(this.#canvas);
  }

  /**
   * @param {number} at in milliseconds
   * @param {number[]} values one a series; not a number for none
   */
  add(at, values) {
    this.#points.push({ at, values });
    while (this.#points[0].at < at - SECONDS * 1000) this.#points.shift();
    this.#draw(at);
  }

  /** @param {number} now */
  #draw(now) {
    const width = Math.max(this.#canvas.clientWidth || 600, 200);
    const inner = width - MARGIN.left - MARGIN.right;
    const height = HEIGHT - MARGIN.top - MARGIN.bottom;
    const known = this.#points.flatMap(({ values }) => values).filter(Number.isFinite);
    const top = roundUp(Math.max(...known, 0));
    const x = (/** @type {number} */ at) => MARGIN.left + inner * (1 - (now - at) / (SECONDS * 1000));
    const y = (/** @type {number} */ value) => MARGIN.top + height * (1 - value / top);
    const parts = [
      ...[0, 0.5, 1].flatMap((share) => this.#mark(width, y(share * top), share * top)),
      ...[120, 60, 0].map((ago) => ageText(ago, x(now - ago * 1000))),
      ...this.#names.flatMap((_, series) => this.#line(series, x, y)),
    ];
    this.#canvas.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    this.#canvas.setAttribute('aria-label', this.#words());
    this.#canvas.replaceChildren(...parts);
  }

  /**
   * @param {number} width
   * @param {number} at
   * @param {number} value
   */
  #mark(width, at, value) {
    const text = svg('text', { x: MARGIN.left - 8, y: at + 4, 'text-anchor': 'end' });
    text.textContent = this.#format(value);
    return [svg('line', { class: 'grid', x1: MARGIN.left, x2: width - MARGIN.right, y1: at, y2: at }), text];
  }

  /**
   * @param {number} series
   * @param {(at: number) => number} x
   * @param {(value: number) => number} y
   */
  #line(series, x, y) {
    const known = this.#points.filter(({ values }) => Number.isFinite(values[series]));
    if (known.length < 2) return [];
    const path = known
      .map(({ at, values }) => `${x(at).toFixed(1)},${y(values[series]).toFixed(1)}`)
      .join('L');
    const line = svg('path', { class: `line ${series === 0 ? 'first' : 'second'}`, d: `M${path}` });
    if (series > 0) return [line];
    const [from, to] = [x(known[0].at), x(known[known.length - 1].at)].map((at) => at.toFixed(1));
    const area = svg('path', { class: 'area', d: `M${from},${y(0)}L${path}L${to},${y(0)}Z` });
    return [area, line];
  }

  #words() {
    const told = this.#names.map((name, series) => {
      const values = this.#points.map((point) => point.values[series]).filter(Number.isFinite);
      if (values.length === 0) return `${name}: nothing yet`;
      return `${name}: ${this.#format(values[values.length - 1])} now, ${this.#format(Math.max(...values))} at most`;
    });
    return `${this.#title}, over the last two minutes. ${told.join('; ')}.`;
  }
}

/** @param {number} series */
function sample(series) {
  const line = svg('line', {
    class: `line ${series === 0 ? 'first' : 'second'}`,
    x1: 0,
    x2: 22,
    y1: 5,
    y2: 5,
  });
  return svg('svg', { viewBox: '0 0 22 10', 'aria-hidden': 'true' }, line);
}

/**
 * @param {number} ago
 * @param {number} x
 */
function ageText(ago, x) {
  const anchor = ago === 0 ? 'end' : ago === SECONDS ? 'start' : 'middle';
  const text = svg('text', { x, y: HEIGHT - 4, 'text-anchor': anchor });
  text.textContent = ago === 0 ? 'now' : `${ago} s ago`;
  return text;
}
