#!/bin/sh
# Builds the addon for a release and tries it out, on the runner itself or in a container of the C library it is for.
set -eu

if command -v apk > /dev/null; then apk add --quiet build-base curl; fi
if ! command -v cargo > /dev/null; then
  curl -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal
  PATH="$HOME/.cargo/bin:$PATH"
fi

npm ci
npm run build
node -e "const { target } = require('flotilla').versions; if (target !== '$1') throw Error('built for ' + target)"
npm test -- __test__/errors __test__/package/entry-points.test.mjs __test__/package/loader.test.mjs
