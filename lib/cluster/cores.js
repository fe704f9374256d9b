/**
 * How many cores this process may use: what the system offers, or less where a container has a quota.
 *
 * Node itself looks at quotas only in its newest versions. What cannot be read sets no limit.
 */

const { readFileSync } = require('node:fs');
const { availableParallelism } = require('node:os');
const path = require('node:path');

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}

/**
 * The folder of a control group and those above it. Inside a container the path may be one of the host's, and then
 * only the root is there.
 *
 * @param {string} root
 * @param {string} group
 */
function foldersOf(root, group) {
  const folders = [root];
  let folder = root;
  for (const part of group.split('/').filter((name) => name !== '' && name !== '..')) {
    folder = path.join(folder, part);
    folders.push(folder);
  }
  return folders;
}

/** @param {string} folder of version 2: `max 100000` or `150000 100000` */
function unifiedQuota(folder) {
  const [quota, period] = read(path.join(folder, 'cpu.max')).split(' ').map(Number);
  return quota / period;
}

/** @param {string} folder of version 1, where -1 is no limit */
function olderQuota(folder) {
  const quota = Number(read(path.join(folder, 'cpu.cfs_quota_us')) || Number.NaN);
  return quota > 0 ? quota / Number(read(path.join(folder, 'cpu.cfs_period_us'))) : Number.NaN;
}

/**
 * The smallest quota that a control group sets this process, in cores.
 *
 * @param {{ groups?: string, root?: string }} [places]
 */
function quota({ groups = '/proc/self/cgroup', root = '/sys/fs/cgroup' } = {}) {
  const found = [];
  for (const line of read(groups).split('\n')) {
    const [, controllers, group] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === '') found.push(...foldersOf(root, group).map(unifiedQuota));
    else if (controllers?.split(',').includes('cpu')) {
      for (const name of ['cpu', controllers]) {
        found.push(...foldersOf(path.join(root, name), group).map(olderQuota));
      }
    }
  }
  return Math.min(...found.filter((cores) => Number.isFinite(cores) && cores > 0), Number.POSITIVE_INFINITY);
}

/** @param {{ groups?: string, root?: string }} [places] */
const usableCores = (places) => Math.max(1, Math.min(availableParallelism(), Math.ceil(quota(places))));

module.exports = { quota, usableCores };
