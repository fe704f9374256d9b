//! Telling the supervisor of this process, such as systemd, how it is: one datagram to the socket it named.
//!
//! The socket is a path, or a name in the abstract namespace, written with `@` in front. Nothing waits: a
//! supervisor that does not read its datagrams must not stop a server. If the process dies in here, the datagram
//! was sent or was not.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends one message.
pub fn notify(socket: &str, message: &str) -> io::Result<()> {
    let address = match socket.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let datagram = UnixDatagram::unbound()?;
    datagram.set_nonblocking(true)?;
    datagram.send_to_addr(message.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot open a socket has to fail")]
mod tests {
    use super::*;

    fn heard(address: &SocketAddr, socket: &str) -> String {
        let supervisor = UnixDatagram::bind_addr(address).unwrap();
        notify(socket, "READY=1").unwrap();
        let mut buffer = [0; 64];
        let length = supervisor.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn a_message_arrives_at_a_path() {
        let path = std::env::temp_dir().join(format!("flotilla-notify-{}", std::process::id()));
        let text = heard(
            &SocketAddr::from_pathname(&path).unwrap(),
            &path.display().to_string(),
        );
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text, "READY=1");
    }

    #[test]
    fn a_message_arrives_at_an_abstract_name() {
        let name = format!("flotilla-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        assert_eq!(heard(&address, &format!("@{name}")), "READY=1");
    }

    #[test]
    fn nobody_there_is_an_error() {
        assert!(notify("/nobody/listens/here", "READY=1").is_err());
        assert!(notify("@flotilla-nobody-listens-here", "READY=1").is_err());
    }

    #[test]
    fn a_supervisor_that_never_reads_is_an_error_and_not_a_hang() {
        let name = format!("flotilla-notify-full-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let _never_reads = UnixDatagram::bind_addr(&address).unwrap();
        let full = (0..100_000).any(|_| notify(&format!("@{name}"), "READY=1").is_err());
        assert!(full);
    }
}
