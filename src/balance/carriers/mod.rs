//! The two ways in which connections get from the front to workers.

pub mod handoff;
pub mod proxy;

use super::front::{Board, Front, Options};
use crate::sys::socket::Address;
use handoff::Handoff;
use proxy::{Header, Proxy};
use std::io;

/// Which way, and what that has to know.
#[derive(Debug)]
pub enum Way {
    /// A worker gets the connection itself.
    Handoff {
        /// Whether connections move from workers that are busy to those that are not.
        rebalance: bool,
    },
    /// The bytes of a connection are forwarded to the port of a worker, and back.
    Proxy {
        header: Header,
        /// Whether a client that has ended its side is still answered.
        half_open: bool,
    },
}

impl Front {
    /// Takes the address, and accepts nothing before it is told to `open`.
    pub fn bind(address: &Address, options: Options, way: Way) -> io::Result<Self> {
        match way {
            Way::Handoff { rebalance } => {
                Self::over(Handoff::new(rebalance), address, options, Board::with_rows()?)
            }
            Way::Proxy { header, half_open } => {
                Self::over(Proxy::new(header, half_open), address, options, Board::new())
            }
        }
    }
}
