/** Errors and versions. */

import { FlotillaError, type FlotillaErrorCode, versions } from 'flotilla';
import { expectTypeOf, test } from 'vitest';

test('an error says what, whose fault, and whether to try again', () => {
  expectTypeOf<FlotillaError>().toExtend<Error>();
  expectTypeOf<FlotillaError['code']>().toEqualTypeOf<FlotillaErrorCode>();
  expectTypeOf<FlotillaError['fault']>().toEqualTypeOf<'caller' | 'system' | 'flotilla'>();
  expectTypeOf<FlotillaError['retryCanHelp']>().toEqualTypeOf<boolean>();
});

test('an error can be told by its class and its code', () => {
  const caught: unknown = new FlotillaError('FLOTILLA_ERR_INTERNAL', 'what happened', { cause: 1 });
  if (caught instanceof FlotillaError && caught.code === 'FLOTILLA_ERR_INTERNAL') {
    expectTypeOf(caught.message).toEqualTypeOf<string>();
    // @ts-expect-error
    caught.code = 'FLOTILLA_ERR_INVALID_ARGUMENT';
  }
  // @ts-expect-error
  new FlotillaError('FLOTILLA_ERR_UNHEARD_OF', 'what happened');
});

test('the codes are these', () => {
  expectTypeOf<FlotillaErrorCode>().toEqualTypeOf<
    | 'FLOTILLA_ERR_INVALID_ARGUMENT'
    | 'FLOTILLA_ERR_UPDATE_CONFLICT'
    | 'FLOTILLA_ERR_NOT_LISTENING'
    | 'FLOTILLA_ERR_ADDRESS_CHANGED'
    | 'FLOTILLA_ERR_LISTENS_TWICE'
    | 'FLOTILLA_ERR_OUT_OF_RANGE'
    | 'FLOTILLA_ERR_UNKNOWN_OPTION'
    | 'FLOTILLA_ERR_SIGNAL_CYCLE'
    | 'FLOTILLA_ERR_DUPLICATE_KEY'
    | 'FLOTILLA_ERR_SCOPE_DESTROYED'
    | 'FLOTILLA_ERR_NO_CANDIDATES'
    | 'FLOTILLA_ERR_INTERNAL'
    | 'FLOTILLA_ERR_NODE_VERSION'
    | 'FLOTILLA_ERR_RUNTIME_UNSUPPORTED'
    | 'FLOTILLA_ERR_PLATFORM_UNSUPPORTED'
    | 'FLOTILLA_ERR_ADDON_MISSING'
    | 'FLOTILLA_ERR_ADDON_NOT_BUNDLED'
    | 'FLOTILLA_ERR_ADDON_FOREIGN'
    | 'FLOTILLA_ERR_ADDON_VERSION'
    | 'FLOTILLA_ERR_EXPRESS_MISSING'
    | 'FLOTILLA_ERR_PEER_MISSING'
    | 'FLOTILLA_ERR_PEER_VERSION'
    | 'FLOTILLA_ERR_CONFLICTING_OPTIONS'
    | 'FLOTILLA_ERR_INVALID_SIZE'
    | 'FLOTILLA_ERR_NOT_A_NUMBER'
    | 'FLOTILLA_ERR_KEY_TOO_LARGE'
    | 'FLOTILLA_ERR_VALUE_TOO_LARGE'
    | 'FLOTILLA_ERR_OUT_OF_MEMORY'
    | 'FLOTILLA_ERR_TOO_MANY_NAMESPACES'
    | 'FLOTILLA_ERR_SEGMENT_UNAVAILABLE'
    | 'FLOTILLA_ERR_SEGMENT_UNREACHABLE'
    | 'FLOTILLA_ERR_SEGMENT_MISMATCH'
    | 'FLOTILLA_ERR_SEGMENT_DAMAGED'
    | 'FLOTILLA_ERR_LOCK_HELD'
    | 'FLOTILLA_ERR_VALUE_NOT_CLONEABLE'
    | 'FLOTILLA_ERR_FLIGHT_REVOKED'
    | 'FLOTILLA_ERR_FETCH_TIMEOUT'
    | 'FLOTILLA_ERR_SYNC_UNAVAILABLE'
    | 'FLOTILLA_ERR_IPC_UNAVAILABLE'
    | 'FLOTILLA_ERR_PRIMARY_ONLY'
    | 'FLOTILLA_ERR_BOOTSTRAP_TOO_LATE'
    | 'FLOTILLA_ERR_SERVER_STARTED'
    | 'FLOTILLA_ERR_HANDOFF_UNREACHABLE'
    | 'FLOTILLA_ERR_SERVER_NOT_STARTED'
    | 'FLOTILLA_ERR_SERVER_NOT_READY'
    | 'FLOTILLA_ERR_RESOURCE_FAILED'
    | 'FLOTILLA_ERR_APP_FAILED'
    | 'FLOTILLA_ERR_MAIN_THREAD_ONLY'
    | 'FLOTILLA_ERR_NOT_PERMITTED'
    | 'FLOTILLA_ERR_ADDRESS_IN_USE'
    | 'FLOTILLA_ERR_LISTEN_FAILED'
    | 'FLOTILLA_ERR_NO_PROGRAM'
    | 'FLOTILLA_ERR_WORKER_FAILED'
    | 'FLOTILLA_ERR_TEST_UNKNOWN'
    | 'FLOTILLA_ERR_SHUTDOWN_TIMEOUT'
    | 'FLOTILLA_ERR_CONFIG_UNREADABLE'
    | 'FLOTILLA_ERR_CONTROL_ABSENT'
    | 'FLOTILLA_ERR_CONTROL_REFUSED'
    | 'FLOTILLA_ERR_CONTROL_VERSION'
    | 'FLOTILLA_ERR_NAME_TAKEN'
    | 'FLOTILLA_ERR_PROGRAM_MISSING'
    | 'FLOTILLA_ERR_TIER_AWAY'
    | 'FLOTILLA_ERR_TIER_CLIENT'
    | 'FLOTILLA_ERR_TIER_REFUSED'
    | 'FLOTILLA_ERR_TIER_SYNC'
    | 'FLOTILLA_ERR_USAGE'
  >();
});

test('versions are four strings that nobody writes', () => {
  expectTypeOf(versions).toEqualTypeOf<{
    readonly flotilla: string;
    readonly addon: string;
    readonly napi: string;
    readonly target: string;
  }>();
  // @ts-expect-error
  versions.addon = '1';
});
