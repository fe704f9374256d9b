/**
 * A server that is not this worker's: the primary has it, or another worker. The program that runs here makes and starts
 * it all the same, because all processes run the same program; here it does nothing.
 */

const { Life } = require('./life.js');

class AbsentService extends Life {
  getPort() {
    return this.options.port;
  }

  culprit() {
    return '';
  }

  async start() {
    this.state = 'ready';
  }

  async stop() {
    this.state = 'stopped';
    return true;
  }

  async prepare() {}
  async abandon() {}
  async replace() {}
  drain() {}
  async drained() {}
  async waitForReady() {}
}

module.exports = { AbsentService };
