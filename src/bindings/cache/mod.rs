//! The shared cache as JavaScript calls it: `lib/cache/` alone uses these functions.
//!
//! A cache is known by a number, which names a slot in a table of this thread: no lock and no lookup by name stand
//! between a call and the store. Keys and values are read into buffers that the thread keeps, the store is called
//! once, and only then is a JavaScript value made: no lock of the store is held while Node-API is called.
//!
//! What a thread held when it ends, also by `terminate()`, goes with it: its table is dropped, and with it the
//! flights it was leading, whose followers are woken. What a process held when it dies is the store's to repair.

mod buffers;
mod caches;
mod clock;
mod copies;
pub(super) mod flight;
mod inspection;
mod keys;
mod one_step;
mod operations;
pub(super) mod reply;
mod segment;
mod snapshot;
pub(super) mod values;

pub(super) use segment::present as present_store;

use super::constants::constants;
use super::js::{Js, Outcome, Value, enter};
use super::tracing::trace_threads;
use napi::bindgen_prelude::{Env, JsValue, Object};
use napi::sys;
use napi_derive::napi;

/// Gives each operation a native function of its own and puts it into `exports`.
macro_rules! functions {
    ($js:ident, $exports:ident, $number:ident: $($name:literal $count:literal $operation:path;)+) => {
        $({
            extern "C" fn callback(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
                enter::<$count>(
                    env,
                    info,
                    |js, arguments| {
                        reply::speak_to(arguments);
                        $operation(js, arguments)
                    },
                    reply::raise,
                )
            }
            $js.set_named($exports, $name, $js.make_function($name, Some(callback), $number)?)?;
        })+
    };
}

/// Adds the cache's functions to what the addon exports. Runs once in each thread that loads it.
#[napi(module_exports)]
pub fn cache_exports(exports: Object, env: Env) -> napi::Result<()> {
    let js = Js::at_load(env.raw());
    let exports = js.received(exports.raw());
    add_functions(js, exports, 0)
        .map_err(|failure| napi::Error::from_reason(format!("The cache could not be exported: {failure:?}")))
}

/// The functions of one connection.
fn add_functions<'call>(js: Js<'call>, exports: Value<'call>, connection: usize) -> Outcome<()> {
    functions! { js, exports, connection:
        c"constants" 0 constants;
        c"traceThreads" 1 trace_threads;

        c"cacheConnect" 3 reply::connect;
        c"cacheSetClock" 1 clock::set;
        c"cacheClock" 0 clock::read;

        c"machineMemory" 0 segment::machine_memory;
        c"segmentCreate" 2 segment::create;
        c"segmentShare" 0 segment::share;
        c"segmentAttach" 1 segment::attach;
        c"segmentIsForThisProcess" 1 segment::is_for_this_process;
        c"segmentExists" 0 segment::exists;
        c"segmentUsage" 0 segment::usage;
        c"segmentValidate" 1 segment::validate;
        c"segmentNamespaces" 0 segment::namespaces;
        c"segmentDestroy" 1 segment::destroy;
        c"segmentProcessExited" 0 segment::process_exited;
        c"segmentReap" 0 segment::reap;

        c"cacheOpen" 7 segment::open;
        c"cacheLookup" 1 segment::lookup;
        c"cacheClose" 1 segment::close;
        c"cacheDeclared" 1 segment::declared;

        c"cacheCopyMemory" 0 copies::memory;
        c"cacheClaimRing" 1 copies::claim;
        c"cacheGiveBack" 2 copies::give_back;

        c"cacheGet" 5 operations::get;
        c"cachePeek" 3 operations::peek;
        c"cacheHas" 3 operations::has;
        c"cacheInfo" 2 operations::info;
        c"cachePut" 3 operations::put;
        c"cacheSet" 9 operations::set;
        c"cacheSetIfAbsent" 7 operations::set_if_absent;
        c"cacheIncr" 6 operations::incr;
        c"cacheIncrWithTtl" 6 one_step::incr_with_ttl;
        c"cacheTake" 2 one_step::take;
        c"cacheGetWithVersion" 2 one_step::get_with_version;
        c"cacheSetIfVersion" 8 one_step::set_if_version;
        c"cacheInvalidateTags" 2 one_step::invalidate_tags;
        c"cacheTouch" 3 operations::touch;
        c"cacheDelete" 2 operations::delete;
        c"cacheClear" 1 operations::clear;
        c"cachePurgeStale" 2 operations::purge_stale;
        c"cachePurgeInTurn" 1 operations::purge_in_turn;
        c"cacheRemainingTtl" 2 operations::remaining_ttl;
        c"cacheSize" 1 operations::size;
        c"cacheMax" 2 operations::max;
        c"cacheTtl" 2 operations::ttl;
        c"cacheAllowStale" 2 operations::allow_stale;
        c"cacheNextExpiry" 1 operations::next_expiry;
        c"cacheStats" 1 operations::stats;
        c"cacheUsage" 1 operations::usage;
        c"cacheHealth" 1 operations::health;
        c"cacheFlights" 1 inspection::flights;
        c"cacheDestroy" 1 operations::destroy;

        c"cacheWalk" 2 snapshot::walk;
        c"cacheWalkOn" 1 snapshot::walk_on;
        c"cacheWalkEnd" 1 snapshot::walk_end;
        c"cacheLoad" 3 snapshot::load;

        c"cacheClaim" 5 flight::claim;
        c"cacheBear" 2 flight::bear;
        c"cacheRefreshDue" 4 flight::refresh_due;
        c"cacheFinish" 9 flight::finish;
        c"cacheFail" 2 flight::fail;
        c"cacheRelease" 1 flight::release;
        c"cacheFollow" 1 flight::follow;
        c"cacheWatch" 1 flight::watch;
    }
    Ok(())
}
