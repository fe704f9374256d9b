//! The greeting of a TLS client, as far as a balancer may read it: for whom it is, and what will be spoken.

#![forbid(unsafe_code)]

use super::Opening;

/// The type of a record that carries a handshake: the first byte of every TLS connection.
pub(super) const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;
const PROTOCOLS: u16 = 16;
/// What a record may hold; more is no TLS.
const LONGEST_RECORD: usize = 1 << 14;
const LONGEST_HOST_NAME: usize = 253;

/// What a TLS client says in the clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The host that it wants to talk to (SNI), in lower case.
    pub server_name: Option<String>,
    /// The protocols that it can speak (ALPN), the preferred one first.
    pub protocols: Vec<Vec<u8>>,
}

/// Looks at bytes that begin as a handshake does.
pub(super) fn look(bytes: &[u8], limit: usize) -> Opening<'_> {
    match message(&bytes[..bytes.len().min(limit)], limit) {
        Some(Message::Whole { body }) => hello(&body).map_or(Opening::Unknown, Opening::Tls),
        Some(Message::Partial { needed }) if needed > limit => Opening::TooLong,
        Some(Message::Partial { .. }) => super::partial(bytes, limit),
        None => Opening::Unknown,
    }
}

enum Message {
    /// The body of the greeting.
    Whole { body: Vec<u8> },
    /// So many bytes are needed at least.
    Partial { needed: usize },
}

/// Puts the greeting together from the records that it may be spread over. `None` where there is none. Behind the record that
/// announces more than `limit` nothing is looked at: what was too long is so for good.
fn message(bytes: &[u8], limit: usize) -> Option<Message> {
    let mut rest = Reader(bytes);
    let mut joined = Vec::new();
    loop {
        let Some(header) = rest.take(5) else {
            begins_record(rest.0)?;
            return Some(Message::Partial {
                needed: bytes.len() + 1,
            });
        };
        begins_record(header)?;
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if length == 0 || length > LONGEST_RECORD {
            return None;
        }
        let headers = bytes.len() - rest.0.len() - joined.len();
        let there = &rest.0[..length.min(rest.0.len())];
        joined.extend_from_slice(there);
        if joined.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
            return None;
        }
        let announced = match joined[..] {
            [_, a, b, c, ..] => Some(usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)),
            _ => None,
        };
        if let Some(announced) = announced {
            let needed = headers + 4 + announced;
            if needed > limit {
                return Some(Message::Partial { needed });
            }
            if let Some(body) = joined.get(4..4 + announced) {
                return Some(Message::Whole { body: body.to_vec() });
            }
        }
        if rest.take(length).is_none() {
            let missing = announced.map_or(1, |announced| announced + 4 - joined.len());
            return Some(Message::Partial {
                needed: bytes.len() + missing,
            });
        }
    }
}

/// Whether these bytes, at most the first five, can begin a record of a handshake.
fn begins_record(header: &[u8]) -> Option<()> {
    let expected = |index: usize, fits: fn(u8) -> bool| header.get(index).is_none_or(|byte| fits(*byte));
    let fits = expected(0, |kind| kind == HANDSHAKE)
        && expected(1, |major| major == 3)
        && expected(2, |minor| minor <= 4);
    fits.then_some(())
}

fn hello(body: &[u8]) -> Option<ClientHello> {
    let mut body = Reader(body);
    body.take(2 + 32)?; // version, random
    body.list8()?; // session
    body.list16()?; // cipher suites
    body.list8()?; // compression methods
    let mut hello = ClientHello::default();
    if body.0.is_empty() {
        return Some(hello);
    }
    let mut extensions = body.list16()?;
    while !extensions.0.is_empty() {
        let kind = extensions.number16()?;
        let data = extensions.list16()?;
        match kind {
            SERVER_NAME => hello.server_name = server_name(data)?,
            PROTOCOLS => hello.protocols = protocols(data)?,
            _ => {}
        }
    }
    Some(hello)
}

fn server_name(mut data: Reader<'_>) -> Option<Option<String>> {
    let mut names = data.list16()?;
    let mut found = None;
    while !names.0.is_empty() {
        let kind = names.take(1)?[0];
        let name = names.list16()?.0;
        if kind == HOST_NAME && found.is_none() {
            found = Some(host_name(name)?);
        }
    }
    Some(found)
}

/// A name that is none would be believed by strategies that know hosts by name.
fn host_name(name: &[u8]) -> Option<String> {
    let sound = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if name.is_empty() || name.len() > LONGEST_HOST_NAME || !name.iter().all(sound) {
        return None;
    }
    Some(String::from_utf8_lossy(name).to_ascii_lowercase())
}

fn protocols(mut data: Reader<'_>) -> Option<Vec<Vec<u8>>> {
    let mut list = data.list16()?;
    let mut protocols = Vec::new();
    while !list.0.is_empty() {
        protocols.push(list.list8()?.0.to_vec());
    }
    Some(protocols)
}

/// Bytes of which each is read once, and none beyond the end.
#[derive(Clone, Copy)]
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// What follows a length of one byte.
    fn list8(&mut self) -> Option<Self> {
        let length = self.take(1)?[0];
        self.take(usize::from(length)).map(Self)
    }

    /// What follows a length of two bytes.
    fn list16(&mut self) -> Option<Self> {
        let length = self.number16()?;
        self.take(usize::from(length)).map(Self)
    }
}
