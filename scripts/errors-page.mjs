/** Draws `docs/errors.md` from the table of errors. */

/** @typedef {typeof import('../lib/errors.js').table} Table */

const faults = {
  caller: 'the calling program',
  system: 'the machine or the installation',
  flotilla: 'Flotilla',
};

/** @param {Table} table */
export function errorsPage(table) {
  const sections = Object.entries(table).map(
    ([code, { fault, retryCanHelp, base, meaning, remedy }]) =>
      `## ${code}\n\n${meaning}\n\n${remedy}\n\n` +
      `Fault of: ${faults[fault]}. An instance of: \`${base === Error ? 'FlotillaError' : base.name}\`. ` +
      `Trying again can help: ${retryCanHelp ? 'yes' : 'no'}.\n`,
  );
  return `# Errors

<!-- Generated from lib/errors.js by "npm run generate". -->

Every error that Flotilla raises on purpose carries a \`code\`. The code is stable: it outlives every rewording of
the message, and is what a program should look at. \`fault\` (\`'caller'\`, \`'system'\` or \`'flotilla'\`) says who has to
act, and \`retryCanHelp\` whether the same call may succeed later. Mistakes of type and range are built-in
\`TypeError\`s and \`RangeError\`s with the same three properties; all others are instances of \`FlotillaError\`.

\`\`\`js
import { FlotillaError, startServer } from 'flotilla';

try {
  await startServer((request, response) => response.end('hello'), { port: 3000 });
} catch (error) {
  if (error instanceof FlotillaError && error.fault === 'system') process.exit(78);
  throw error;
}
\`\`\`

${sections.join('\n')}`;
}
