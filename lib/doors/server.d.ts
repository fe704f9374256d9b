/** `flotilla/server`: the scopes of a server, in place of `@stateloom/server`. */

export type { ManagedScope, ScopedRequest, ServerScope, ServerScopeOptions } from '../../index.js';
export { createServerScope, scopeMiddleware, scopePlugin } from '../../index.js';
