//! Answers that the front's thread gives itself, to those who ask whether the server lives while no worker can say so.
//!
//! A connection is only looked at here, and its bytes left where they are, unless they ask for a probe: then it is
//! answered, and ended. What a stranger sends is parsed by `head`, and nothing of it is kept.

use crate::balance::head::{self, Opening};
use crate::sys::socket::Socket;
use std::io;

/// What is answered without a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub path: String,
    pub status: u16,
    pub body: String,
}

/// What a look at a connection has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::balance) enum Seen {
    /// It asks for a probe, by its place in the list, and whether it wants the body.
    Probe(usize, bool),
    /// It may still turn out to.
    Nothing,
    Another,
}

/// As much of a head as is looked at: whoever asks for a probe says little.
const LOOKED_AT: usize = 4096;
/// What is read away before the answer: what is left unread would make a reset of the end.
const MOST_READ: usize = 64 << 10;

pub(in crate::balance) fn look(client: &Socket, probes: &[Probe]) -> Seen {
    // One that has failed shows that to its worker.
    look_early(client, probes).unwrap_or(Seen::Nothing)
}

/// The same; `WouldBlock` where the client has not begun to speak.
pub(in crate::balance) fn look_early(client: &Socket, probes: &[Probe]) -> io::Result<Seen> {
    let mut bytes = [0; LOOKED_AT];
    let count = client.peek(&mut bytes)?;
    Ok(recognize(&bytes[..count], probes))
}

fn recognize(bytes: &[u8], probes: &[Probe]) -> Seen {
    let request = match head::look(bytes, LOOKED_AT) {
        Opening::Http1(request) => request,
        Opening::Partial => return Seen::Nothing,
        _ => return Seen::Another,
    };
    let wants_body = request.method == "GET";
    if !wants_body && request.method != "HEAD" {
        return Seen::Another;
    }
    let path = request.target.split('?').next();
    let found = probes.iter().position(|probe| Some(probe.path.as_str()) == path);
    found.map_or(Seen::Another, |index| Seen::Probe(index, wants_body))
}

/// Answers, and ends our side of the connection. Whoever does not take so little at once gets nothing.
pub(in crate::balance) fn answer(client: &Socket, probe: &Probe, wants_body: bool) {
    let mut read = [0; LOOKED_AT];
    let mut left = MOST_READ;
    while left > 0 {
        match client.receive(&mut read) {
            Ok(count) if count > 0 => left = left.saturating_sub(count),
            _ => break,
        }
    }
    let said = client.send(&response(probe, wants_body));
    if said.is_ok() {
        // Where the client has gone meanwhile, there is nobody to end it for.
        let _ = client.end();
    }
}

fn response(probe: &Probe, wants_body: bool) -> Vec<u8> {
    let Probe { status, body, .. } = probe;
    let reason = match status {
        200 => "OK",
        503 => "Service Unavailable",
        // It may be empty.
        _ => "",
    };
    let kind = match body.starts_with('{') {
        true => "application/json; charset=utf-8",
        false => "text/plain; charset=utf-8",
    };
    let length = body.len();
    let mut text = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    );
    if wants_body {
        text.push_str(body);
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probes() -> Vec<Probe> {
        let probe = |path: &str, status| Probe {
            path: path.into(),
            status,
            body: "{}".into(),
        };
        vec![probe("/live", 200), probe("/ready", 503)]
    }

    fn seen(text: &str) -> Seen {
        recognize(text.as_bytes(), &probes())
    }

    #[test]
    fn a_probe_is_told_from_other_requests() {
        assert_eq!(
            seen("GET /live HTTP/1.1\r\nHost: x\r\n\r\n"),
            Seen::Probe(0, true)
        );
        assert_eq!(seen("GET /ready?full=1 HTTP/1.0\r\n\r\n"), Seen::Probe(1, true));
        assert_eq!(seen("HEAD /ready HTTP/1.1\r\n\r\n"), Seen::Probe(1, false));
        for other in [
            "GET /live/ HTTP/1.1\r\n\r\n",
            "POST /live HTTP/1.1\r\n\r\n",
            "\x16\x01",
        ] {
            assert_ne!(seen(other), Seen::Probe(0, true));
        }
        assert_eq!(seen("POST /live HTTP/1.1\r\n\r\n"), Seen::Another);
        assert_eq!(seen("no request\r\n\r\n"), Seen::Another);
        assert_eq!(seen("GET /li"), Seen::Nothing);
        assert_eq!(seen(""), Seen::Nothing);
    }

    #[test]
    fn an_answer_says_how_long_it_is_and_that_it_is_the_last() {
        let text = String::from_utf8(response(&probes()[1], true)).unwrap();
        assert!(text.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
        assert!(text.contains("Content-Length: 2\r\n") && text.contains("Connection: close\r\n"));
        assert!(text.ends_with("\r\n\r\n{}"));
        let text = String::from_utf8(response(&probes()[0], false)).unwrap();
        assert!(text.ends_with("\r\n\r\n"));
    }
}
