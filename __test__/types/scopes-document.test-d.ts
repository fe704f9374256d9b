/**
 * Document 000, section "TypeScript": its code as it stands there, with only the name of the package changed;
 * then one test of ours.
 */

import { test } from 'vitest';

import { createServerScope } from 'flotilla/server';
import type { ServerScope, ManagedScope, ServerScopeOptions } from 'flotilla/server';
import { expectTypeOf } from 'vitest';
// createServerScope returns ServerScope
const server = createServerScope();
expectTypeOf(server).toMatchTypeOf<ServerScope>();
// fork returns ManagedScope
const child = server.fork();
expectTypeOf(child).toMatchTypeOf<ManagedScope>();
expectTypeOf(child.id).toEqualTypeOf<string>();
// getScope returns ManagedScope | undefined
const found = server.getScope('ss_0');
expectTypeOf(found).toEqualTypeOf<ManagedScope | undefined>();

test('the document’s third type, which it imports without using it, is that of the options', () => {
  expectTypeOf<Parameters<typeof createServerScope>>().toEqualTypeOf<[options?: ServerScopeOptions]>();
});
