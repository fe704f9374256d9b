const { test } = require('node:test');
const { conformance } = require('./cache.cjs');

conformance('node one', test, require('flotilla'));
