//! Who watches over this process: its supervisor, which hears how it is, and its parent.

use crate::sys::{process, supervisor};
use napi_derive::napi;

/// Whether the message could be sent. A supervisor that cannot be reached is no reason for a server to fail.
#[napi(catch_unwind)]
#[allow(
    clippy::needless_pass_by_value,
    reason = "Node-API gives strings away by value"
)]
pub fn supervisor_notify(socket: String, message: String) -> bool {
    supervisor::notify(&socket, &message).is_ok()
}

/// Has this process end with its parent, whatever it is doing. Whether that is so, and `parent` is its parent.
#[napi(catch_unwind)]
pub fn die_with(parent: u32) -> bool {
    process::die_with(parent)
}
