/**
 * The charts of `docs/architecture.md` that follow from what the tests hold: the floors of `lib/`, from `floors.mjs`, and the rooms
 * of `src/`, from the table in `tests/walls.rs`.
 */

import { floors } from './floors.mjs';

/** @typedef {Record<string, readonly string[]>} Arrows a part by its name, with those that it may use; from the ground up */

/**
 * The rooms that `tests/walls.rs` lists.
 *
 * @param {string} walls its text
 * @returns {Arrows}
 */
export function roomsOf(walls) {
  const rooms = walls.matchAll(/name: "([^"]+)",\s*may_use: &\[([^\]]*)\]/g);
  return Object.fromEntries(
    [...rooms].map(([, name, used = '']) => [
      name,
      [...used.matchAll(/"([^"]+)"/g)].map(([, each = '']) => each),
    ]),
  );
}

/**
 * A chart of the arrows. `errors` and `error` are left out, for every part may use them. The top part, if it may use all others, has
 * arrows only to those that no other part uses.
 *
 * @param {Arrows} arrows
 */
export function chart(arrows) {
  const names = Object.keys(arrows).filter((name) => !/^errors?$/.test(name));
  const top = /** @type {string} */ (names.at(-1));
  const rest = names.slice(0, -1);
  const usesAll = rest.every((name) => arrows[top]?.includes(name));
  const used = new Set(usesAll ? rest.flatMap((name) => arrows[name] ?? []) : []);
  const lines = names.toReversed().flatMap((name) => {
    const below = (arrows[name] ?? []).filter(
      (each) => names.includes(each) && (name !== top || !used.has(each)),
    );
    const label = name === top && usesAll ? `["${name} (may use all)"]` : '';
    const own = label || below.length === 0 ? [`  ${id(name)}${label}`] : [];
    return [...own, ...below.map((each) => `  ${id(name)} --> ${id(each)}`)];
  });
  return ['```mermaid', 'flowchart TD', ...lines, '```'].join('\n');
}

/** @param {string} name */
const id = (name) => name.replace(/\W/g, '_');

/**
 * The document with its charts renewed: each stands between `<!-- map:NAME -->` and `<!-- /map -->`.
 *
 * @param {string} text
 * @param {string} walls the text of `tests/walls.rs`
 */
export function withCharts(text, walls) {
  const charts = /** @type {Record<string, string>} */ ({ lib: chart(floors), src: chart(roomsOf(walls)) });
  return text.replace(
    /(<!-- map:(\w+) -->\n)[\s\S]*?(<!-- \/map -->)/g,
    (_, opening, name, closing) => `${opening}\n${charts[name]}\n\n${closing}`,
  );
}
