//! Recency: which entry was used last, and which has not been used for longest.
//!
//! [`recency`] orders slots by use, with links that are slot numbers and no pointers, so the same code runs over a
//! vector on the heap and over memory that processes share. It reads no clock and does no I/O.

#![forbid(unsafe_code)]

pub mod recency;
