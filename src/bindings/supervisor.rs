//! Telling the supervisor of the process how it is.

use crate::sys::supervisor;
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
