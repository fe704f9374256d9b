//! What the addon says of itself, so that the loader can refuse one that does not belong to its JavaScript.

use napi_derive::napi;

/// The version of the crate this addon was built from: the package's own, when both come from one release.
#[napi(catch_unwind)]
pub fn addon_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The platform that the addon was built for, in Rust's words, such as `x86_64-unknown-linux-gnu`.
#[napi(catch_unwind)]
pub fn addon_target() -> &'static str {
    env!("FLOTILLA_TARGET")
}
