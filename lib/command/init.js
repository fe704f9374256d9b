/** `flotilla init`: a systemd unit, a Dockerfile or a Kubernetes manifest for this app, to standard output. */

/** @import { Call } from './verbs.js' */

const { existsSync, readFileSync } = require('node:fs');
const path = require('node:path');
const { configure, fromEnvironment } = require('./configuration.js');
const { createError } = require('../errors.js');

const usualPort = 3000;
const usualGraceMs = 10_000;

/**
 * @typedef {object} Facts
 * @property {string} name
 * @property {string} folder
 * @property {string} script relative to the folder
 * @property {number} port
 * @property {number} seconds that a stop may take
 * @property {number | 'auto'} workers
 * @property {string[]} flags of the start
 * @property {string[]} args
 */

/** Where the app is, by what `npm start` or the package says. @param {string} folder */
function scriptOfPackage(folder) {
  const file = path.join(folder, 'package.json');
  const manifest = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const started = /^node\s+(\S+)$/.exec(manifest.scripts?.start ?? '')?.[1];
  const usual = ['server.js', 'app.js', 'index.js', 'server.mjs', 'app.mjs', 'index.mjs'];
  return started ?? manifest.main ?? usual.find((each) => existsSync(path.join(folder, each)));
}

/** @param {Call} call @returns {Promise<Facts>} */
async function factsOf({ given }) {
  const asked = { ...fromEnvironment(process.env), ...given };
  const folder = path.resolve(asked.cwd ?? '.');
  let settings;
  try {
    settings = await configure({ target: undefined, given, passed: [] });
  } catch (error) {
    if (/** @type {any} */ (error).code !== 'FLOTILLA_ERR_PROGRAM_MISSING') throw error;
    const target = scriptOfPackage(folder);
    if (!target) {
      throw createError('FLOTILLA_ERR_PROGRAM_MISSING', [
        'Neither a configuration nor package.json says what the app is',
        'Set "main" in package.json, or "script" in flotilla.config.json',
      ]);
    }
    settings = await configure({ target, given, passed: [] });
  }
  const grace = settings.grace ?? usualGraceMs;
  const workers = settings.workers ?? 'auto';
  return {
    name: settings.name,
    folder,
    script: path.relative(folder, settings.script).split(path.sep).join('/'),
    port: settings.port ?? usualPort,
    // One grace period for all, a moment for what was killed, and a second for the process itself.
    seconds: Math.ceil((grace + (settings.delay ?? 0)) / 1000) + 5,
    workers,
    flags: given.workers === undefined ? [] : ['--workers', String(workers)],
    args: settings.args,
  };
}

/** @param {Facts} facts */
const startOf = ({ script, name, flags, args }) => [
  'start',
  script,
  '--name',
  name,
  ...flags,
  ...(args.length > 0 ? ['--', ...args] : []),
];

/** As systemd reads a command line. @param {string} word */
const unitWord = (word) => {
  const escaped = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /[\s"'\\]/.test(escaped) ? `"${escaped.replace(/[\\"]/g, String.raw`\$&`)}"` : escaped;
};

/** @param {Facts} facts */
function systemd(facts) {
  const { name, folder, port, seconds } = facts;
  const command = [process.execPath, path.join(folder, 'node_modules/flotilla/lib/command/flotilla.js')]
    .map(unitWord)
    .join(' ');
  return `# ${name}.service: flotilla init systemd > /etc/systemd/system/${name}.service
[Unit]
Description=${name}, run by flotilla on every core
After=network.target

[Service]
Type=notify
NotifyAccess=main
# The user of the app; it owns the control socket, too.
User=${process.env.SUDO_USER ?? 'nobody'}
WorkingDirectory=${folder.replaceAll('%', '%%')}
Environment=NODE_ENV=production PORT=${port}
RuntimeDirectory=${name}
Environment=FLOTILLA_CONTROL=/run/${name}/control.sock
ExecStart=${command} ${startOf(facts).map(unitWord).join(' ')}
# Returns when the new code serves, and fails if it does not: the old workers serve on then.
ExecReload=${command} reload
# The workers are told by their primary.
KillMode=mixed
TimeoutStopSec=${seconds}
Restart=on-failure

[Install]
WantedBy=multi-user.target
`;
}

/** @param {Facts} facts */
function docker(facts) {
  const { name, port, seconds } = facts;
  const major = process.version.slice(1).split('.')[0];
  const command = ['node', 'node_modules/flotilla/lib/command/flotilla.js', ...startOf(facts)];
  return `# Dockerfile: flotilla init docker > Dockerfile
# Stop it with a longer time than the ten seconds of Docker where requests may take long:
#   docker run --stop-timeout ${seconds} -p ${port}:${port} ${name}
# New code is a new image. New configuration alone: docker exec NAME npx flotilla reload
FROM node:${major}-slim
WORKDIR /app
ENV NODE_ENV=production PORT=${port}
COPY package*.json ./
RUN npm ci --omit=dev
COPY --chown=node:node . .
RUN mkdir -m 700 /run/flotilla && chown node:node /run/flotilla
ENV XDG_RUNTIME_DIR=/run FLOTILLA_NAME=${name}
USER node
EXPOSE ${port}
# Node directly, so that signals reach it; it serves as PID 1.
CMD ${JSON.stringify(command)}
`;
}

/** @param {Facts} facts */
function kubernetes(facts) {
  const { name: given, port, seconds, workers } = facts;
  const name =
    given
      .toLowerCase()
      .replace(/[^a-z0-9-]/g, '-')
      .replace(/^-+|-+$/g, '') || 'app';
  const health = port === 9000 ? 9001 : 9000;
  const delaySeconds = 5;
  const command = ['node', 'node_modules/flotilla/lib/command/flotilla.js', ...startOf(facts)];
  const separator = command.indexOf('--');
  const flags = ['--health-port', String(health), '--delay', `${delaySeconds}s`];
  command.splice(separator < 0 ? command.length : separator, 0, ...flags);
  return `# flotilla init kubernetes > ${name}.yaml; kubectl apply -f ${name}.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
spec:
  replicas: 2
  selector:
    matchLabels: { app: ${name} }
  template:
    metadata:
      labels: { app: ${name} }
    spec:
      # The time that the balancer takes to notice, the grace period, and a moment.
      terminationGracePeriodSeconds: ${seconds + delaySeconds}
      containers:
        - name: ${name}
          image: ${name}:latest
          command: ${JSON.stringify(command)}
          env:
            - { name: NODE_ENV, value: production }
            - { name: PORT, value: "${port}" }
          ports:
            - { name: http, containerPort: ${port} }
            - { name: health, containerPort: ${health} }
          # One worker for each core that the limit leaves; flotilla reads the limit itself.
          resources:
            requests: { cpu: "${workers === 'auto' ? 2 : workers}", memory: 512Mi }
            limits: { cpu: "${workers === 'auto' ? 2 : workers}", memory: 1Gi }
          startupProbe:
            httpGet: { path: /ready, port: health }
            periodSeconds: 1
            failureThreshold: 60
          readinessProbe:
            httpGet: { path: /ready, port: health }
            periodSeconds: 2
          livenessProbe:
            httpGet: { path: /live, port: health }
            periodSeconds: 10
---
apiVersion: v1
kind: Service
metadata:
  name: ${name}
spec:
  selector: { app: ${name} }
  ports:
    - { name: http, port: 80, targetPort: http }
`;
}

/** @type {Record<string, (facts: Facts) => string>} */
const makers = { systemd, docker, kubernetes };

/** @param {Call} call */
async function init(call) {
  process.stdout.write(makers[String(call.target)](await factsOf(call)));
  return 0;
}

module.exports = { init };
