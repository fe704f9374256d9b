// The words of docs/architecture.md's glossary: what a stranger reads calls a thing by one name.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';

/** Words that the glossary has others for, and what they are to be. What stands between backticks is a name of the code. */
const others = [
  [/\bdoors?\b/i, 'entry point, or rendezvous'],
  [/\bleases?\b/i, 'flight'],
  [/\bnear (copy|copies|cache|memory|reads?)\b/i, 'copy'],
  [/\bbackends?\b/i, 'worker, or carrier'],
];

const read = (file) => readFileSync(path.join(root, file), 'utf8');
const filesIn = (folder, ending) =>
  readdirSync(path.join(root, folder), { recursive: true })
    .filter((name) => name.endsWith(ending))
    .map((name) => path.join(folder, name));
const documents = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'index.js', 'index.d.ts'],
  ...filesIn('docs', '.md'),
  ...filesIn('lib', '.js'),
];

/** Of a document all, of code the comments; without names: between backticks and after tags such as `@param`. */
function prose(file, text) {
  const spoken = file.endsWith('.md')
    ? text.replace(/^```[\s\S]*?^```/gm, (block) => block.replace(/[^\n]/g, ''))
    : text.replace(/^(?!\s*(\/\*\*|\*|\/\/|meaning:|remedy:)).*$/gm, '');
  return spoken.replace(/`[^`\n]*`|lib\/doors|@import .*|@\w+ \{[^}]*\}( \[?\w+)?/g, '');
}

function misnamed(file, text) {
  return prose(file, text)
    .split('\n')
    .flatMap((line, index) =>
      others.flatMap(([word, name]) =>
        word.test(line) ? `${file}:${index + 1}: ${line.match(word)[0]} is ${name}` : [],
      ),
    );
}

describe('the glossary', () => {
  it('is kept by the documents, the contract and the comments of lib', () => {
    expect(documents.flatMap((file) => misnamed(file, read(file)))).toEqual([]);
  });

  it('is not kept by a document that has another word for a thing', () => {
    const text = 'The door of a flight.\n```\na door\n```\nIts `lease`, and the lease.';
    expect(misnamed('docs/a.md', text)).toEqual([
      'docs/a.md:1: door is entry point, or rendezvous',
      'docs/a.md:5: lease is flight',
    ]);
    expect(misnamed('a.d.ts', 'export const door = 1;\n// A door.')).toHaveLength(1);
  });

  it('has a row for each word that the others are to be', () => {
    const glossary = read('docs/architecture.md').split('## Glossary')[1];
    for (const word of ['entry point', 'rendezvous', 'flight', 'copy', 'carrier']) {
      expect(glossary).toContain(`| ${word} `);
    }
  });
});
