//! Who is at the other end of a Unix socket, by the kernel's word.

use crate::sys::passing;
use napi_derive::napi;

/// The user's number; nothing where the system does not say it, or `fd` is no such socket.
#[napi(catch_unwind)]
pub fn peer_user(fd: i32) -> Option<u32> {
    passing::user_at(fd).ok()
}
