/** What the memory of this process is used for, also where the system does not tell all of it: Node reads `/proc`. */

const { getHeapStatistics } = require('node:v8');

/** @returns {NodeJS.MemoryUsage} what is not told is 0 */
function memoryUsage() {
  try {
    return process.memoryUsage();
  } catch {
    const {
      used_heap_size: heapUsed,
      total_heap_size: heapTotal,
      external_memory: external,
    } = getHeapStatistics();
    return { rss: 0, heapUsed, heapTotal, external, arrayBuffers: 0 };
  }
}

module.exports = { memoryUsage };
