//! The line of text by which a process lets its children find memory that it has made: who made it, which memory it is, and
//! the ways to get at it.
//!
//! A line is believed only by a child of the process that wrote it, and only as far as the memory that is found says
//! the same. If the maker dies, its line finds nothing any more; who has the memory keeps it.

use std::io;

use crate::sys::memory::SharedMemory;
use crate::sys::passing::{self, Offer, STRATEGIES};
use crate::sys::process::{self, Identity};

/// The first word of the line; another form of the line would have another.
const LINE_FORM: &str = "1";

/// What a line says.
#[derive(Debug)]
pub struct Ticket {
    maker: Identity,
    /// Of the memory: whoever finds it compares.
    pub identity: u128,
    offer: Offer,
}

/// Begins to offer memory to this process's children, and gives the line by which they find it.
pub fn offer(memory: &SharedMemory, identity: u128) -> io::Result<String> {
    let name = u128::from_le_bytes(process::random()?);
    let socket = format!("flotilla-{name:032x}");
    let fd = passing::offer(memory, socket.as_bytes())?;
    let maker = Identity::of_self();
    Ok(format!(
        "{LINE_FORM} {} {} {fd} {identity:032x} {socket}",
        maker.pid, maker.started
    ))
}

impl Ticket {
    pub fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        if words.next()? != LINE_FORM {
            return None;
        }
        let pid = words.next()?.parse().ok()?;
        let started = words.next()?.parse().ok()?;
        let fd = words.next()?.parse().ok()?;
        let identity = u128::from_str_radix(words.next()?, 16).ok()?;
        let name = words.next()?.as_bytes().to_vec();
        Some(Self {
            maker: Identity { pid, started },
            identity,
            offer: Offer { pid, fd, name },
        })
    }

    /// Whether this process's own parent wrote it, and lives.
    pub fn is_of_parent(&self) -> bool {
        self.maker.pid == process::parent() && self.maker.is_alive()
    }

    /// The memory, by each way to get at it, with the name of the way.
    pub fn memories(&self) -> impl Iterator<Item = (&'static str, io::Result<SharedMemory>)> + '_ {
        STRATEGIES
            .iter()
            .map(|(name, strategy)| (*name, strategy(&self.offer)))
    }
}
