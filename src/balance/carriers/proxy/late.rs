//! Probes in proxy mode: who asks whether the server lives goes to a worker like anybody, and is answered here if that has
//! said nothing for a while, or if there is no worker.
//!
//! Only the first bytes of a connection are looked at, once, before they are forwarded; what comes after them may be a body.

use super::Proxy;
use super::link::{Link, Outcome};
use crate::balance::front::Tools;
use crate::balance::front::probes::{self, Seen};
use crate::sys::trace::{Thread, trace};
use std::io::{self, ErrorKind};
use std::time::Duration;

/// How long a worker has to answer a probe. One that is not blocked needs far less; who probes waits far longer.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);

impl Proxy {
    /// Moves what can be moved, and takes note of a probe before it is gone.
    pub(super) fn pump(&mut self, tools: &Tools, link: &mut Link) -> Outcome {
        if !link.is_begun && link.may_be_read() {
            match look_for_probe(tools, link) {
                // What comes from now on is told by the poll: nothing of it is read before it was looked at.
                Err(error) if error.kind() == ErrorKind::WouldBlock => link.waits_for_client(),
                _ => link.is_begun = true,
            }
            if link.asks_for.is_some() {
                self.probing.add(link.id);
            }
        }
        link.pump(&mut self.room, self.half_open)
    }

    /// The worker has had its time.
    pub(super) fn answer_late(&mut self, tools: &mut Tools, link: &mut Link) -> Outcome {
        if link.is_answered() {
            return Outcome::Goes;
        }
        answer(tools, link)
    }

    /// No worker is there: whoever asks for a probe need not wait for one.
    pub(super) fn answer_stranded(&self, tools: &Tools, link: &mut Link) -> Outcome {
        if !link.is_begun {
            // Whoever has said nothing yet may do so later.
            let _ = look_for_probe(tools, link);
        }
        answer(tools, link)
    }
}

fn look_for_probe(tools: &Tools, link: &mut Link) -> io::Result<()> {
    if tools.probes.is_empty() {
        return Ok(());
    }
    if let Seen::Probe(index, wants_body) = probes::look_early(link.client(), &tools.probes)? {
        link.asks_for = Some((tools.probes[index].path.clone(), wants_body));
    }
    Ok(())
}

fn answer(tools: &Tools, link: &Link) -> Outcome {
    let Some((path, wants_body)) = &link.asks_for else {
        return Outcome::Goes;
    };
    // It may have been another list that it was found in.
    let Some(probe) = tools.probes.iter().find(|probe| probe.path == *path) else {
        return Outcome::Goes;
    };
    trace(
        Thread::Proxy,
        "answers a probe itself with status",
        probe.status.into(),
    );
    probes::answer(link.client(), probe, *wants_body);
    Outcome::Over
}
