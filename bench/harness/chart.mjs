// Draws a result as an SVG of horizontal bars. The drawing depends on nothing but the result: no clock, no
// locale, no measured fonts, coordinates to two decimals; the same JSON gives the same bytes.
//
// Labels stand above their bars, so that their length needs no guessing. The colours follow the reader's
// scheme, and the picture brings its own background, so it is legible on any page.

import { describeOrigin, formatFigure } from './figures.mjs';

/** @typedef {import('./types.d.ts').Result} Result */
/** @typedef {{ logarithmic: boolean, ticks: number[], place: (value: number) => number }} Scale `place`: from 0 to 1 */
/** @typedef {{ scale: Scale, unit: string, x: (value: number) => number }} Axis `x`: where a value stands */

const WIDTH = 760;
const MARGIN = 24;
/** More than a digit of the value is wide, so that the longest value ends inside the picture. */
const VALUE_DIGIT = 8.5;
const TEXT_COLUMNS = 112;
const BAR_HEIGHT = 16;
const SLOT_HEIGHT = 46;
const LINE_HEIGHT = 17;
/** From this ratio of the largest figure to the smallest on, a linear axis would hide the small ones. */
const LOGARITHMIC_FROM = 20;

const STYLE = `
  svg { color-scheme: light dark; font-family: system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif }
  .ground { fill: #ffffff } .text { fill: #1f2328 } .quiet { fill: #59636e } .grid { stroke: #d1d9e0 }
  .ours { fill: #0969da } .other { fill: #8c959f } .noise { stroke: #1f2328; stroke-width: 1.5 }
  .title { font-size: 17px; font-weight: 600 } .label, .value { font-size: 13px } .small { font-size: 12px }
  .label, .value { paint-order: stroke; stroke: #ffffff; stroke-width: 3px }
  .value { font-weight: 600; font-variant-numeric: tabular-nums } .tick { font-size: 11px; text-anchor: middle }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } .text { fill: #f0f6fc } .quiet { fill: #9198a1 } .grid { stroke: #3d444d }
    .ours { fill: #4493f8 } .other { fill: #656c76 } .noise { stroke: #f0f6fc }
    .label, .value { stroke: #0d1117 }
  }`;

/** @type {Record<string, string>} */
const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** @param {string} text made safe between tags; characters that XML has no place for are left out */
export function escapeText(text) {
  const allowed = [...text].filter((character) => character >= ' ').join('');
  return allowed.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** @param {readonly number[]} values @returns {Scale} */
export function chooseScale(values) {
  const largest = Math.max(...values, 0);
  const smallest = Math.min(...values);
  if (smallest > 0 && largest / smallest >= LOGARITHMIC_FROM) return logarithmicScale(smallest, largest);
  return linearScale(largest);
}

/** @param {number} smallest @param {number} largest @returns {Scale} */
function logarithmicScale(smallest, largest) {
  // A little below the smallest figure, so that its bar has a length to see.
  const first = Math.floor(Math.log10(smallest / 1.2));
  const last = Math.ceil(Math.log10(largest));
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => Number(`1e${first + index}`));
  return {
    logarithmic: true,
    ticks,
    place: (value) => (value <= 0 ? 0 : Math.max(0, (Math.log10(value) - first) / (last - first))),
  };
}

/** @param {number} largest @returns {Scale} */
function linearScale(largest) {
  if (largest <= 0) return { logarithmic: false, ticks: [0, 1], place: () => 0 };
  const rough = largest / 5;
  const power = Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => Number(`${candidate}e${power}`) >= rough) ?? 10;
  const count = Math.ceil(largest / Number(`${factor}e${power}`));
  const ticks = Array.from({ length: count + 1 }, (_, index) => Number(`${factor * index}e${power}`));
  const end = /** @type {number} */ (ticks.at(-1));
  return { logarithmic: false, ticks, place: (value) => value / end };
}

/** @param {string} text broken between words into lines of at most TEXT_COLUMNS characters */
const wrap = (text) => text.match(new RegExp(`\\S.{0,${TEXT_COLUMNS - 1}}(?= |$)`, 'g')) ?? [''];

/** @param {number} value */
const coordinate = (value) => String(Math.round(value * 100) / 100);

/** @type {(classes: string, x: number, y: number, content: string) => string} */
const textAt = (classes, x, y, content) =>
  `<text class="${classes}" x="${coordinate(x)}" y="${coordinate(y)}">${escapeText(content)}</text>`;

/** @param {Result} result @returns {Axis} */
function layAxis({ unit, contestants }) {
  const figures = contestants.flatMap(({ median, quartiles }) => [median ?? [], quartiles?.[1] ?? []].flat());
  const values = contestants.map(({ median }) => `${formatFigure(median ?? 0)} ${unit}`);
  const valueSpace = 16 + VALUE_DIGIT * Math.max(...values.map((value) => value.length));
  const length = WIDTH - 2 * MARGIN - valueSpace;
  const scale = chooseScale(figures);
  return { scale, unit, x: (value) => MARGIN + scale.place(value) * length };
}

/** @type {(contestant: Result['contestants'][number], axis: Axis, top: number) => string[]} */
const drawContestant = ({ label, ours, leftOut, median, quartiles }, { unit, x }, top) => {
  const drawn = [textAt('text label', MARGIN, top + 12, label)];
  const middle = top + 18 + BAR_HEIGHT / 2;
  if (median === undefined || quartiles === undefined) {
    return [...drawn, textAt('quiet small', MARGIN, middle + 4, `left out: ${leftOut}`)];
  }
  const [low, high] = quartiles;
  const size = `width="${coordinate(x(median) - MARGIN)}" height="${BAR_HEIGHT}" rx="2"`;
  const end = Math.max(x(median), x(high));
  drawn.push(
    `<rect class="${ours ? 'ours' : 'other'}" x="${MARGIN}" y="${coordinate(top + 18)}" ${size}/>`,
    `<path class="noise" d="M${coordinate(x(low))} ${coordinate(middle)}H${coordinate(x(high))}"/>`,
    textAt('text value', end + 8, middle + 4.5, `${formatFigure(median)} ${unit}`),
  );
  return drawn;
};

/** @type {(axis: Axis, top: number, bottom: number) => string[]} */
const drawAxis = ({ scale, x }, top, bottom) =>
  scale.ticks.flatMap((tick) => [
    `<path class="grid" d="M${coordinate(x(tick))} ${coordinate(top)}V${coordinate(bottom)}"/>`,
    textAt('quiet tick', x(tick), bottom + 15, tick >= 1000 ? formatFigure(tick) : String(tick)),
  ]);

/** @param {Result} result */
export function drawChart(result) {
  const { title, measures, unit, direction, rounds, contestants } = result;
  const axis = layAxis(result);
  const intro = wrap(measures);
  const top = MARGIN + 24 + intro.length * LINE_HEIGHT + 8;
  const bottom = top + contestants.length * SLOT_HEIGHT;
  const axisNote = `${unit}, ${direction}${axis.scale.logarithmic ? '; logarithmic scale' : ''}; median of ${rounds} rounds, line: middle half`;
  const notes = [...wrap(axisNote), ...wrap(describeOrigin(result))];
  const height = bottom + 30 + notes.length * LINE_HEIGHT + 10;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${escapeText(title)}</title>`,
    `<desc>${escapeText(summarize(result))}</desc>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="ground" width="${WIDTH}" height="${height}" rx="6"/>`,
    textAt('text title', MARGIN, MARGIN + 14, title),
    ...intro.map((line, index) => textAt('quiet small', MARGIN, MARGIN + 36 + index * LINE_HEIGHT, line)),
    ...drawAxis(axis, top, bottom),
    ...contestants.flatMap((contestant, index) =>
      drawContestant(contestant, axis, top + index * SLOT_HEIGHT),
    ),
    ...notes.map((line, index) => textAt('quiet small', MARGIN, bottom + 38 + index * LINE_HEIGHT, line)),
    '</svg>',
  ];
  return `${lines.join('\n')}\n`;
}

/** The chart in words, for those who do not see it. @param {Result} result */
function summarize({ unit, direction, contestants }) {
  const parts = contestants.map(({ label, median, leftOut }) =>
    median === undefined ? `${label}: left out, ${leftOut}` : `${label}: ${formatFigure(median)} ${unit}`,
  );
  return `In ${unit}, ${direction}: ${parts.join('; ')}.`;
}
