/** What is loaded: the first thing to say in a bug report. */

const addon = require('../native/loader.js');
const { version } = require('../base/loading.js');

module.exports = Object.freeze({
  flotilla: version,
  addon: addon.addonVersion(),
  napi: String(process.versions.napi),
  target: addon.addonTarget(),
});
