//! The PROXY protocol: a few bytes before all others that tell a worker who its client is.

use std::net::{IpAddr, SocketAddr};

/// Which version of the header goes before the bytes of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Header {
    #[default]
    None,
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const VERSION_2_PROXIED: u8 = 0x21;
const UNKNOWN: u8 = 0x00;
const TCP_OVER_V4: u8 = 0x11;
const TCP_OVER_V6: u8 = 0x21;

impl Header {
    /// The bytes for a connection from `client` to `server`; addresses that are not of the internet are unknown.
    pub fn bytes(self, client: Option<SocketAddr>, server: Option<SocketAddr>) -> Vec<u8> {
        let ends = client.zip(server).map(|(client, server)| alike(client, server));
        match self {
            Self::None => Vec::new(),
            Self::V1 => v1(ends),
            Self::V2 => v2(ends),
        }
    }
}

/// Both as addresses of one family: IPv4 where both are, be they written as IPv6 or not.
fn alike(client: SocketAddr, server: SocketAddr) -> (SocketAddr, SocketAddr) {
    let plain = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
    let ends = (plain(client), plain(server));
    if ends.0.is_ipv4() == ends.1.is_ipv4() {
        return ends;
    }
    let mapped = |end: SocketAddr| match end.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), end.port()),
        IpAddr::V6(_) => end,
    };
    (mapped(ends.0), mapped(ends.1))
}

fn v1(ends: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let Some((client, server)) = ends else {
        return b"PROXY UNKNOWN\r\n".to_vec();
    };
    let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (client.ip(), server.ip());
    format!(
        "PROXY {family} {from} {to} {} {}\r\n",
        client.port(),
        server.port()
    )
    .into_bytes()
}

fn v2(ends: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.push(VERSION_2_PROXIED);
    let Some((client, server)) = ends else {
        bytes.extend([UNKNOWN, 0, 0]);
        return bytes;
    };
    let mut addresses = octets(client.ip());
    addresses.extend(octets(server.ip()));
    addresses.extend(client.port().to_be_bytes());
    addresses.extend(server.port().to_be_bytes());
    bytes.push(if client.is_ipv4() {
        TCP_OVER_V4
    } else {
        TCP_OVER_V6
    });
    bytes.extend((addresses.len() as u16).to_be_bytes());
    bytes.extend(addresses);
    bytes
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: Header, client: &str, server: &str) -> Vec<u8> {
        header.bytes(Some(client.parse().unwrap()), Some(server.parse().unwrap()))
    }

    #[test]
    fn the_first_version_is_a_line() {
        let line = |client, server| String::from_utf8(of(Header::V1, client, server)).unwrap();
        assert_eq!(
            line("10.1.2.3:4711", "10.0.0.1:80"),
            "PROXY TCP4 10.1.2.3 10.0.0.1 4711 80\r\n"
        );
        assert_eq!(
            line("[2001:db8::1]:4711", "[::1]:80"),
            "PROXY TCP6 2001:db8::1 ::1 4711 80\r\n"
        );
        assert_eq!(
            line("[::ffff:10.1.2.3]:4711", "[::ffff:10.0.0.1]:80"),
            "PROXY TCP4 10.1.2.3 10.0.0.1 4711 80\r\n"
        );
        assert_eq!(
            line("10.1.2.3:4711", "[::1]:80"),
            "PROXY TCP6 ::ffff:10.1.2.3 ::1 4711 80\r\n"
        );
        assert_eq!(Header::V1.bytes(None, None), b"PROXY UNKNOWN\r\n");
    }

    #[test]
    fn the_second_version_is_binary() {
        let bytes = of(Header::V2, "10.1.2.3:258", "10.0.0.1:80");
        assert_eq!(bytes[..12], SIGNATURE);
        assert_eq!(
            bytes[12..],
            [0x21, 0x11, 0, 12, 10, 1, 2, 3, 10, 0, 0, 1, 1, 2, 0, 80]
        );
        let bytes = of(Header::V2, "[2001:db8::1]:1", "[::1]:2");
        assert_eq!(bytes[12..16], [0x21, 0x21, 0, 36]);
        assert_eq!(bytes.len(), 16 + 36);
        assert_eq!(Header::V2.bytes(None, None)[12..], [0x21, 0, 0, 0]);
    }

    #[test]
    fn there_is_none_where_none_is_wanted() {
        assert!(of(Header::None, "10.1.2.3:258", "10.0.0.1:80").is_empty());
    }
}
