//! Who may ask for what.
//!
//! Three things are looked at before anything is answered. The `Host` header: a page of a stranger's whose name points to this
//! machine (DNS rebinding) asks by that name, and is refused. Where the request comes from, as far as a browser says so: pages
//! of others get nothing. And the token, where one is wanted: compared in a time that tells nothing of it.

#![forbid(unsafe_code)]

use super::http::{Method, Request};
use std::hint::black_box;
use std::net::IpAddr;

/// What lets requests in.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// Where there is one, all but the page without figures needs it.
    pub token: Option<String>,
    /// Whether anything can be done by requests.
    pub has_actions: bool,
    /// Names under which this is asked for, beside addresses and `localhost`.
    pub hosts: Vec<String>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Host,
    Origin,
    Token,
    Method,
    ActionsOff,
    Kind,
}

impl Refusal {
    pub const fn status(self) -> u16 {
        match self {
            Self::Host => 421,
            Self::Token => 401,
            Self::Origin | Self::ActionsOff => 403,
            Self::Method => 405,
            Self::Kind => 415,
        }
    }

    pub const fn text(self) -> &'static str {
        match self {
            Self::Host => {
                "the Host header names neither an address, nor localhost, nor one of the option `admin.hosts`"
            }
            Self::Origin => "the request comes from a page of another origin",
            Self::Token => "the token is missing or wrong: send it as `Authorization: Bearer <token>`",
            Self::Method => "this method does nothing here",
            Self::ActionsOff => "actions are off: the option `admin.actions` turns them on",
            Self::Kind => "an action is asked for with `Content-Type: application/json`",
        }
    }
}

impl Gate {
    /// Whether a request of this kind may be answered. `is_shell` is what holds nothing secret: the page without figures.
    pub fn check(&self, request: &Request, is_shell: bool, is_action: bool) -> Result<(), Refusal> {
        let host = request.host.unwrap_or_default();
        if !self.is_known_host(host) {
            return Err(Refusal::Host);
        }
        if !is_from_here(request, host, is_shell) {
            return Err(Refusal::Origin);
        }
        let is_allowed = match request.method {
            Method::Get | Method::Head => !is_action,
            Method::Post => is_action,
            Method::Other => false,
        };
        if !is_allowed {
            return Err(Refusal::Method);
        }
        if is_action && !self.has_actions {
            return Err(Refusal::ActionsOff);
        }
        let needs_token = is_action || self.token.is_some() && !is_shell;
        if needs_token && !self.has_token(request) {
            return Err(Refusal::Token);
        }
        if is_action && !request.is_json {
            return Err(Refusal::Kind);
        }
        Ok(())
    }

    fn is_known_host(&self, host: &str) -> bool {
        let name = without_port(host);
        let is_address = name.parse::<IpAddr>().is_ok();
        is_address
            || name.eq_ignore_ascii_case("localhost")
            || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    fn has_token(&self, request: &Request) -> bool {
        let given = request.authorization.unwrap_or_default();
        let given = given.strip_prefix("Bearer ").unwrap_or_default();
        let expected = self.token.as_deref().unwrap_or_default();
        !expected.is_empty() && is_same(given.bytes(), expected.as_bytes())
    }
}

/// Takes as long for every text of a length.
fn is_same(given: impl ExactSizeIterator<Item = u8>, expected: &[u8]) -> bool {
    let mut difference = given.len() ^ expected.len();
    for (at, byte) in given.enumerate() {
        let other = expected[at % expected.len()];
        difference |= usize::from(black_box(byte ^ other));
    }
    black_box(difference) == 0
}

fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    host.split(':').next().unwrap_or_default()
}

/// What a browser says of where a request comes from. Who is no browser says nothing, and is judged by the token alone.
fn is_from_here(request: &Request, host: &str, is_shell: bool) -> bool {
    if let Some(origin) = request.origin {
        let of_origin = origin.split_once("://").map_or("", |(_, rest)| rest);
        if !of_origin.eq_ignore_ascii_case(host) {
            return false;
        }
    }
    // A link on a page of somebody else's may lead to the page, and shows it nothing.
    let site = request.fetch_site.unwrap_or("none");
    is_shell || site == "same-origin" || site == "none"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate {
            token: Some("a-long-enough-token".into()),
            has_actions: true,
            hosts: vec!["admin.example".into()],
        }
    }

    fn ask<'a>(method: Method) -> Request<'a> {
        Request {
            method,
            path: "/status.json",
            host: Some("127.0.0.1:9464"),
            authorization: Some("Bearer a-long-enough-token"),
            is_json: true,
            ..Request::default()
        }
    }

    #[test]
    fn only_known_hosts_are_answered() {
        for (host, is_known) in [
            ("127.0.0.1:9464", true),
            ("10.1.2.3", true),
            ("[::1]:9464", true),
            ("localhost:9464", true),
            ("ADMIN.example:80", true),
            ("evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example:9464", false),
            ("", false),
        ] {
            let request = Request {
                host: Some(host),
                ..ask(Method::Get)
            };
            let expected = if is_known { Ok(()) } else { Err(Refusal::Host) };
            assert_eq!(gate().check(&request, false, false), expected, "{host}");
        }
        let without = Request {
            host: None,
            ..ask(Method::Get)
        };
        assert_eq!(gate().check(&without, false, false), Err(Refusal::Host));
    }

    #[test]
    fn pages_of_others_get_nothing() {
        let gate = gate();
        for origin in ["http://evil.example", "null", "http://127.0.0.1:1", "file://"] {
            let request = Request {
                origin: Some(origin),
                ..ask(Method::Post)
            };
            assert_eq!(
                gate.check(&request, false, true),
                Err(Refusal::Origin),
                "{origin}"
            );
        }
        let own = Request {
            origin: Some("http://127.0.0.1:9464"),
            ..ask(Method::Post)
        };
        assert_eq!(gate.check(&own, false, true), Ok(()));
        let cross = Request {
            fetch_site: Some("cross-site"),
            ..ask(Method::Get)
        };
        assert_eq!(gate.check(&cross, false, false), Err(Refusal::Origin));
        assert_eq!(gate.check(&cross, true, false), Ok(()));
    }

    #[test]
    fn the_token_is_wanted_where_it_should_be() {
        for given in [
            None,
            Some(""),
            Some("Bearer "),
            Some("Bearer a-long-enough-tokeN"),
            Some("a-long-enough-token"),
        ] {
            let request = Request {
                authorization: given,
                ..ask(Method::Get)
            };
            assert_eq!(
                gate().check(&request, false, false),
                Err(Refusal::Token),
                "{given:?}"
            );
            assert_eq!(gate().check(&request, true, false), Ok(()));
            let open = Gate {
                token: None,
                ..gate()
            };
            assert_eq!(open.check(&request, false, false), Ok(()));
            let action = Request {
                method: Method::Post,
                ..request
            };
            assert_eq!(open.check(&action, false, true), Err(Refusal::Token));
        }
        let longer = Request {
            authorization: Some("Bearer a-long-enough-tokena-long-enough-token"),
            ..ask(Method::Get)
        };
        assert_eq!(gate().check(&longer, false, false), Err(Refusal::Token));
        let none = Gate {
            token: None,
            ..gate()
        };
        let empty = Request {
            authorization: Some("Bearer "),
            ..ask(Method::Post)
        };
        assert_eq!(none.check(&empty, false, true), Err(Refusal::Token));
    }

    #[test]
    fn all_of_a_token_is_looked_at_wherever_it_is_wrong() {
        let expected = *b"a-long-enough-token";
        for wrong in 0..expected.len() {
            let mut given = expected;
            given[wrong] ^= 1;
            let mut looked_at = 0;
            let counted = given.into_iter().inspect(|_| looked_at += 1);
            assert!(!is_same(counted, &expected));
            assert_eq!(looked_at, expected.len());
        }
    }

    #[test]
    fn actions_are_posts_of_json_and_off_unless_asked_for() {
        assert_eq!(gate().check(&ask(Method::Post), false, true), Ok(()));
        assert_eq!(gate().check(&ask(Method::Get), false, true), Err(Refusal::Method));
        assert_eq!(
            gate().check(&ask(Method::Other), false, true),
            Err(Refusal::Method)
        );
        assert_eq!(
            gate().check(&ask(Method::Post), false, false),
            Err(Refusal::Method)
        );
        let form = Request {
            is_json: false,
            ..ask(Method::Post)
        };
        assert_eq!(gate().check(&form, false, true), Err(Refusal::Kind));
        let off = Gate {
            has_actions: false,
            ..gate()
        };
        assert_eq!(
            off.check(&ask(Method::Post), false, true),
            Err(Refusal::ActionsOff)
        );
    }
}
