import { expect, it, onTestFinished, vi } from 'vitest';
import { Connection, NOT_UNDER_WAY } from '../../lib/http/connection.js';
import { randomNumbers } from '../fixtures/random.mjs';

const socket = () => /** @type {any} */ ({ bytesRead: 0, readableLength: 0, destroySoon: vi.fn() });
const response = (/** @type {number} */ number) => /** @type {any} */ ({ number, headersSent: true });

it('keeps the order and the times of requests that are sent one behind the other, whichever ends first', () => {
  const random = randomNumbers(7);
  const connection = new Connection(socket());
  /** @type {[response: any, time: number][]} */
  const model = [];
  for (let step = 0; step < 5000; step++) {
    if (model.length === 0 || (model.length < 6 && random(2) === 0)) {
      const begun = /** @type {[any, number]} */ ([response(step), step]);
      model.push(begun);
      connection.begin(...begun);
    } else {
      const [[ended, time]] = model.splice(random(model.length), 1);
      expect(connection.end(ended)).toBe(time);
      expect(connection.end(ended)).toBe(NOT_UNDER_WAY);
    }
    expect(connection.responses).toEqual(model.map(([each]) => each));
    expect(connection.idle).toBe(model.length === 0);
  }
});

it('gives, when it has ended, what was under way, and leaves its socket alone from then on', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const its = socket();
  const connection = new Connection(its);
  const [first, second] = [response(1), response(2)];
  connection.begin(first, 1);
  connection.begin(second, 2);
  connection.part(1);
  expect(connection.endAll()).toEqual([first, second]);
  expect(connection.responses).toEqual([]);
  expect(connection.end(first)).toBe(NOT_UNDER_WAY);
  expect(connection.isBetweenMessages).toBe(false);
  vi.advanceTimersByTime(10);
  expect(its.destroySoon).not.toHaveBeenCalled();
});
