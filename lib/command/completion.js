/** Scripts that let a shell complete the command, made from the tables of verbs and options. */

/** @import { Call, Option, Verb } from './verbs.js' */

const { everywhere } = require('./arguments.js');
const { topics } = require('./help.js');
const { verbs } = require('./verbs.js');

/** @param {Verb} verb */
const optionsOf = (verb) => [...verb.options, everywhere[0]];

/** @param {Verb} verb @returns {readonly string[]} */
const wordsOf = (verb) =>
  verb.name === 'help' ? [...verbs.map(({ name }) => name), ...Object.keys(topics)] : (verb.words ?? []);

/** What stands behind a flag: words, files or folders. @param {Option} option */
const filesOf = ({ kind }) => (kind.place === 'folder' ? '-d' : '-f');

/** Options with a value that completion can say something of, each once. */
const valued = () => {
  const all = new Map(verbs.flatMap(({ options }) => options).map((option) => [option.flag, option]));
  return [...all.values()].filter(({ kind }) => kind.type === 'string');
};

/** @param {Option} option */
function dashed({ flag, short }) {
  return [`--${flag}`, ...(short ? [`-${short}`] : [])];
}

function bash() {
  const values = valued().map((option) => {
    const { words, place } = option.kind;
    const offer = words ? `-W '${words.join(' ')}'` : place ? filesOf(option) : "-W ''";
    return `    ${dashed(option).join('|')}) COMPREPLY=($(compgen ${offer} -- "$word")); return ;;`;
  });
  const cases = verbs.map((verb) => {
    const words = optionsOf(verb).map(({ flag }) => `--${flag}`);
    return `    ${verb.name}) flags='${words.join(' ')}'; words='${wordsOf(verb).join(' ')}' ;;`;
  });
  return `# bash completion of flotilla: source <(flotilla completion bash)
_flotilla() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" verb="\${COMP_WORDS[1]}" flags='' words=''
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${verbs.map(({ name }) => name).join(' ')} --help --version' -- "$word")); return
  fi
  case "$before" in
${values.join('\n')}
  esac
  case "$verb" in
${cases.join('\n')}
  esac
  case "$word" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$word")) ;;
    *) if [ "$verb" = start ]; then COMPREPLY=($(compgen -f -- "$word")); else COMPREPLY=($(compgen -W "$words" -- "$word")); fi ;;
  esac
}
complete -o filenames -F _flotilla flotilla
`;
}

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
/** @param {string} text */
const zshHelp = (text) => text.replace(/[[\]:]/g, String.raw`\$&`);

/** @param {Option} option */
function zshOption({ flag, short, takes, kind, help }) {
  const action = kind.words
    ? `(${kind.words.join(' ')})`
    : kind.place === 'folder'
      ? '_files -/'
      : kind.place
        ? '_files'
        : '';
  const rest = `[${zshHelp(help)}]${takes ? `:${zshHelp(takes)}:${action}` : ''}`;
  const many = kind.many ? '*' : '';
  return [`--${flag}`, ...(short ? [`-${short}`] : [])].map((name) =>
    quoted(`${many}${name}${takes && name.startsWith('--') ? '=' : ''}${rest}`),
  );
}

function zsh() {
  const cases = verbs.map((verb) => {
    const target =
      verb.name === 'start'
        ? ["'1:app:_files'"]
        : wordsOf(verb).length > 0
          ? [quoted(`1:what:(${wordsOf(verb).join(' ')})`)]
          : [];
    return `    ${verb.name}) _arguments ${[...optionsOf(verb).flatMap(zshOption), ...target].join(' ')} ;;`;
  });
  const names = verbs.map(({ name, summary }) =>
    quoted(`${name}:${summary.replaceAll(':', String.raw`\:`)}`),
  );
  return `#compdef flotilla
# zsh completion of flotilla: flotilla completion zsh > a folder of your fpath, as _flotilla
_flotilla() {
  local -a verbs
  verbs=(${names.join(' ')})
  if (( CURRENT == 2 )); then _describe 'verb' verbs; return; fi
  local verb=$words[2]
  shift words; (( CURRENT-- ))
  case $verb in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = _flotilla ]; then _flotilla "$@"; else compdef _flotilla flotilla; fi
`;
}

function fish() {
  const lines = verbs.flatMap((verb) => {
    const here = `-n '__fish_seen_subcommand_from ${verb.name}'`;
    const words = wordsOf(verb);
    const options = optionsOf(verb).map(({ flag, short, kind, help }) => {
      const value =
        kind.type === 'boolean'
          ? ''
          : kind.words
            ? ` -x -a ${quoted(kind.words.join(' '))}`
            : kind.place
              ? ' -r -F'
              : ' -x';
      return `complete -c flotilla ${here} -l ${flag}${short ? ` -s ${short}` : ''}${value} -d ${quoted(help)}`;
    });
    return [
      `complete -c flotilla -n __fish_use_subcommand -a ${verb.name} -d ${quoted(verb.summary)}`,
      ...(words.length > 0 ? [`complete -c flotilla ${here} -a ${quoted(words.join(' '))}`] : []),
      ...(verb.name === 'start' ? [`complete -c flotilla ${here} -F`] : []),
      ...options,
    ];
  });
  return `# fish completion of flotilla: flotilla completion fish > ~/.config/fish/completions/flotilla.fish\ncomplete -c flotilla -f\n${lines.join('\n')}\n`;
}

/** @type {Record<string, () => string>} */
const scripts = { bash, zsh, fish };

/** @param {Call} call */
async function completion({ target }) {
  process.stdout.write(scripts[String(target)]());
  return 0;
}

module.exports = { completion, scripts };
