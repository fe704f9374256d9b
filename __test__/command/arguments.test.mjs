// What a command line may say: read from one table of verbs and options, and refused with the nearest name before anything happens.
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { emptyFolder, root } from '../fixtures/folders.mjs';
import { node } from '../fixtures/processes.mjs';

const require = createRequire(import.meta.url);
const { readArguments } = require('../../lib/command/arguments.js');
const { scripts } = require('../../lib/command/completion.js');
const { helpText, topics } = require('../../lib/command/help.js');
const { flags } = require('../../lib/command/knobs.js');
const { duration, size } = require('../../lib/command/units.js');
const { verbs } = require('../../lib/command/verbs.js');
const { hasColours } = require('../../lib/command/voice.js');

const command = path.join(root, 'lib/command/flotilla.js');
const read = (line) => readArguments(line.split(' '));
const codeOf = (line) => {
  try {
    read(line);
  } catch (error) {
    return [error.code, error.message];
  }
  return ['taken'];
};

describe('a command line', () => {
  it('is cut into a verb, what it is about, options and what is passed on', () => {
    const call = read(
      'start app.js -w 3 --env-file a --env-file=b --watch --no-rebalance --max-memory 512mb -- --port 1 x',
    );
    expect(call.verb.name).toBe('start');
    expect(call.target).toBe('app.js');
    expect(call.given).toEqual({
      workers: 3,
      envFile: ['a', 'b'],
      watch: true,
      rebalance: false,
      maxMemory: 2 ** 29,
    });
    expect(call.passed).toEqual(['--port', '1', 'x']);
  });

  it('has its verb found behind options that have values', () => {
    expect(read('--name shop scale 4')).toMatchObject({ target: '4', given: { name: 'shop' } });
    expect(read('--interval 2s top').given).toEqual({ interval: 2000 });
  });

  it.each([
    ['relod', 'FLOTILLA_ERR_USAGE', 'did you mean "reload"'],
    ['app.js', 'FLOTILLA_ERR_USAGE', 'flotilla start app.js'],
    ['frobnicate', 'FLOTILLA_ERR_USAGE', 'the verbs are start'],
    ['start app.js --wrokers 2', 'FLOTILLA_ERR_UNKNOWN_OPTION', 'did you mean "--workers"'],
    ['start app.js --xyzzy', 'FLOTILLA_ERR_UNKNOWN_OPTION', 'flotilla start --help'],
    ['status --watch', 'FLOTILLA_ERR_UNKNOWN_OPTION', 'flotilla status takes no option "--watch"'],
    ['start app.js extra', 'FLOTILLA_ERR_USAGE', 'stand behind "--"'],
    ['reload extra', 'FLOTILLA_ERR_USAGE', 'does not take "extra"'],
    ['stop -- x', 'FLOTILLA_ERR_USAGE', 'passes no arguments on'],
    ['scale', 'FLOTILLA_ERR_USAGE', 'needs N'],
    ['init dockre', 'FLOTILLA_ERR_USAGE', 'did you mean "docker"'],
    ['completion powershell', 'FLOTILLA_ERR_USAGE', 'it takes bash, zsh, fish'],
    ['start app.js --workers', 'FLOTILLA_ERR_USAGE', 'needs a value'],
    ['start app.js --watch=yes', 'FLOTILLA_ERR_USAGE', '--no-watch'],
    ['start app.js -w 0', 'FLOTILLA_ERR_OUT_OF_RANGE', 'from 1 to 512'],
    ['start app.js -w 1000', 'FLOTILLA_ERR_OUT_OF_RANGE', 'from 1 to 512'],
    ['start app.js -w many', 'FLOTILLA_ERR_INVALID_ARGUMENT', 'or auto'],
    ['start app.js --strategy random', 'FLOTILLA_ERR_INVALID_ARGUMENT', 'least-loaded'],
    ['start app.js --sticky colour', 'FLOTILLA_ERR_INVALID_ARGUMENT', "'cookie:NAME'"],
    ['start app.js --name ../x', 'FLOTILLA_ERR_INVALID_ARGUMENT', 'a name of up to 50'],
    ['start app.js --grace soon', 'FLOTILLA_ERR_INVALID_ARGUMENT', "such as '5s'"],
    ['start app.js --ready-path ready', 'FLOTILLA_ERR_INVALID_ARGUMENT', "begins with '/'"],
  ])('%s is refused, and says what to do', (line, code, text) => {
    const [actual, message] = codeOf(line);
    expect(actual).toBe(code);
    expect(message).toContain(text);
  });

  it.each(flags.map(({ flag }) => flag))('that misspells --%s is answered with it', (flag) => {
    const misspelt = flag.length > 4 ? `${flag.slice(0, 2)}${flag[3]}${flag[2]}${flag.slice(4)}` : `${flag}s`;
    if (misspelt === flag) return;
    expect(codeOf(`start app.js --${misspelt}=1`)[1]).toContain(`"--${flag}"`);
  });
});

describe('times and sizes', () => {
  it('are read as people write them', () => {
    expect(['250', 250, '250ms', '1.5s', '2m', '1h', '1d'].map((text) => duration('t', text))).toEqual([
      250, 250, 250, 1500, 120_000, 3_600_000, 86_400_000,
    ]);
    expect(['1024', 1024, '1k', '1kb', '300M', '1.5g', '2GiB'].map((text) => size('s', text))).toEqual([
      1024,
      1024,
      1024,
      1024,
      300 * 2 ** 20,
      1.5 * 2 ** 30,
      2 ** 31,
    ]);
  });

  it.each(['', '5 years', '-1s', 'NaN', '1e9s', null, {}, [], true])('%j is none', (given) => {
    expect(() => duration('t', given)).toThrow(/must be a time/);
    expect(() => size('s', given)).toThrow(/must be a size/);
  });
});

describe('the help', () => {
  const pages = [undefined, ...verbs.map(({ name }) => name), ...Object.keys(topics)];

  it.each(pages)('of %s fits a screen', (page) => {
    const lines = helpText(page).split('\n');
    expect(lines.length).toBeLessThanOrEqual(24);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  it('has every option of start on one of its pages', () => {
    const all = ['start', ...Object.keys(topics)].map((page) => helpText(page)).join('\n');
    for (const { flag } of flags) expect(all).toContain(`--${flag} `);
  });

  it('is printed by --help of each verb, and by no verb at all with the exit code 2', async () => {
    const asked = await node([command, 'reload', '--help']);
    expect([asked.code, asked.stdout]).toEqual([0, `${helpText('reload')}\n`]);
    const bare = await node([command]);
    expect([bare.code, bare.stdout, bare.stderr]).toEqual([2, '', `${helpText()}\n`]);
    const version = await node([command, '--version']);
    expect(version.stdout.trim()).toBe(require('../../package.json').version);
  });
});

describe('the exit code', () => {
  it.each([
    [['relod'], 2],
    [['start', 'app.js', '--nope'], 2],
    [['start', 'missing.js'], 1],
    [['status', '--control', '/nobody/is/here.sock'], 3],
  ])('of %j is %i, with a sentence and a code on stderr and nothing on stdout', async (args, code) => {
    const { code: actual, stdout, stderr } = await node([command, ...args], { cwd: emptyFolder() });
    expect([actual, stdout]).toEqual([code, '']);
    expect(stderr).toMatch(/^flotilla: .+ \(FLOTILLA_ERR_\w+\)\n$/);
  });
});

describe('colours', () => {
  it.each([
    [{ isTTY: true }, {}, true],
    [{ isTTY: false }, {}, false],
    [{ isTTY: true }, { NO_COLOR: '1' }, false],
    [{ isTTY: true }, { TERM: 'dumb' }, false],
    [{ isTTY: false }, { FORCE_COLOR: '1' }, true],
    [{ isTTY: true }, { FORCE_COLOR: '0' }, false],
  ])('of %j with %j: %s', (stream, env, expected) => {
    expect(hasColours(stream, env)).toBe(expected);
  });
});

/** Where a shell is, if it is installed. */
const shellOf = (name) => [`/bin/${name}`, `/usr/bin/${name}`].find((file) => existsSync(file));

/** What bash would offer for the words so far. */
function offered(script, words) {
  const file = path.join(emptyFolder(), 'complete.bash');
  writeFileSync(
    file,
    `${script}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _flotilla; printf '%s\\n' "\${COMPREPLY[@]}"`,
  );
  return execFileSync('bash', [file], { encoding: 'utf8', cwd: root }).split('\n').filter(Boolean);
}

describe('completion', () => {
  it('offers verbs, options, words and files to bash', () => {
    expect(offered(scripts.bash(), ['flotilla', 're'])).toEqual(['reload', 'restart-worker']);
    expect(offered(scripts.bash(), ['flotilla', 'start', '--max-'])).toEqual(
      flags.filter(({ flag }) => flag.startsWith('max-')).map(({ flag }) => `--${flag}`),
    );
    expect(offered(scripts.bash(), ['flotilla', 'init', 'd'])).toEqual(['docker']);
    expect(offered(scripts.bash(), ['flotilla', 'start', '--strategy', 'least'])).toEqual([
      'least-connections',
      'least-loaded',
    ]);
    expect(offered(scripts.bash(), ['flotilla', 'start', 'package.j'])).toEqual(['package.json']);
  });

  it.skipIf(!shellOf('fish'))('offers the same to fish', () => {
    const file = path.join(emptyFolder(), 'flotilla.fish');
    writeFileSync(file, scripts.fish());
    const offers = (line) =>
      execFileSync(shellOf('fish'), ['--no-config', '-c', `source ${file}; complete -C '${line}'`], {
        encoding: 'utf8',
        cwd: root,
      })
        .split('\n')
        .filter(Boolean)
        .map((offer) => offer.split('\t')[0]);
    expect(offers('flotilla re')).toEqual(['reload', 'restart-worker']);
    expect(offers('flotilla start --max-').sort()).toEqual(
      flags.flatMap(({ flag }) => (flag.startsWith('max-') ? [`--${flag}`] : [])).sort(),
    );
    expect(offers('flotilla init d')).toEqual(['docker']);
    expect(offers('flotilla start --strategy least')).toEqual(['least-connections', 'least-loaded']);
    expect(offers('flotilla start package.j')).toEqual(['package.json']);
  });

  it.skipIf(!shellOf('zsh'))(
    'offers the same to zsh, at its line editor',
    () => {
      const folder = emptyFolder();
      const [script, terminal] = ['_flotilla', 'terminal.zsh'].map((name) => path.join(folder, name));
      writeFileSync(script, scripts.zsh());
      // Each question comes with the last of what is offered, which is waited for; the prompt says that the line editor listens.
      writeFileSync(
        terminal,
        `zmodload zsh/zpty
      zpty -b z zsh -f -i
      zpty -w z "PROMPT='he''re> '; COLUMNS=200; LISTMAX=1000; autoload -Uz compinit; compinit -u -D; source $1; bindkey '^D' list-choices; echo REA''DY"
      zpty -r z out '*READY*here> *'
      shift
      while (( $# )); do
        zpty -n -w z "$1"$'\\x04'
        zpty -r z out "*$2*"
        print -r -- "$out"
        zpty -n -w z $'\\x15'"echo DO''NE"$'\\n'
        zpty -r z out '*DONE*here> *'
        shift 2
      done
      zpty -d z`,
      );
      const questions = [
        ['flotilla re', 'restart-worker'],
        ['flotilla start --max-', 'max-requests'],
        ['flotilla start --strategy=', 'resource-aware'],
        ['flotilla init ', 'kubernetes'],
      ];
      const told = execFileSync(shellOf('zsh'), ['-f', terminal, script, ...questions.flat()], {
        encoding: 'utf8',
        timeout: 20_000,
      });
      for (const offer of ['reload ', '--max-memory ', '--max-age ', 'least-connections', 'docker'])
        expect(told).toContain(offer);
    },
    25_000,
  );

  it.each(['bash', 'zsh', 'fish'])(
    'of %s names every verb and every option, and is a script of that shell',
    (shell) => {
      const script = scripts[shell]();
      for (const { name, options } of verbs) {
        expect(script).toContain(name);
        for (const { flag } of options) expect(script).toContain(flag);
      }
      const program = shellOf(shell);
      const file = path.join(emptyFolder(), shell);
      writeFileSync(file, script);
      if (program) execFileSync(program, ['-n', file]);
    },
  );
});
