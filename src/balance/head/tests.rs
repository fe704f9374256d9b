use super::*;
use proptest::prelude::*;

const LIMIT: usize = 16384;
const SIMPLE: &[u8] = b"GET /a?b=c HTTP/1.1\r\nHost: example.org\r\nX-Tag:  one \t\r\n\r\n";

fn request(bytes: &[u8]) -> Request<'_> {
    match look(bytes, LIMIT) {
        Opening::Http1(request) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_whole_head_becomes_a_request() {
    let request = request(SIMPLE);
    assert_eq!((request.method, request.target), ("GET", "/a?b=c"));
    assert_eq!(request.minor_version, 1);
    assert_eq!(request.header("host"), Some(&b"example.org"[..]));
    assert_eq!(request.header("x-tag"), Some(&b"one"[..]));
    assert_eq!(request.length, SIMPLE.len());
}

#[test]
fn what_follows_the_head_does_not_count() {
    let mut bytes = SIMPLE.to_vec();
    bytes.extend_from_slice(b"body\r\nNot-A: header\r\n\r\n");
    assert_eq!(request(&bytes).length, SIMPLE.len());
    assert_eq!(request(&bytes).headers.len(), 2);
}

#[test]
fn a_head_is_partial_until_its_last_byte() {
    for end in 0..SIMPLE.len() {
        assert_eq!(look(&SIMPLE[..end], LIMIT), Opening::Partial, "{end}");
    }
}

#[test]
fn a_head_longer_than_the_limit_is_too_long_whether_it_is_whole_or_not() {
    assert_eq!(look(SIMPLE, SIMPLE.len() - 1), Opening::TooLong);
    assert!(matches!(look(SIMPLE, SIMPLE.len()), Opening::Http1(_)));
    assert_eq!(look(&[b'A'; 100], 100), Opening::TooLong);
    assert_eq!(look(&[b'A'; 99], 100), Opening::Partial);
}

#[test]
fn as_many_headers_are_read_as_fit() {
    let mut bytes = b"GET / HTTP/1.1\r\n".to_vec();
    for index in 0..1000 {
        bytes.extend_from_slice(format!("H{index}: {index}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    let request = request(&bytes);
    assert_eq!(request.headers.len(), 1000);
    assert_eq!(request.header("h999"), Some(&b"999"[..]));
}

#[test]
fn what_is_no_request_is_known_at_its_first_wrong_byte() {
    for bytes in [
        &b"\0"[..],
        b"GET\0",
        b"GET / HTTP/3.0\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ] {
        assert_eq!(look(bytes, LIMIT), Opening::Unknown, "{bytes:?}");
    }
}

#[test]
fn the_preface_of_http2_is_known() {
    assert_eq!(look(HTTP2_PREFACE, LIMIT), Opening::Http2);
    for end in 0..HTTP2_PREFACE.len() {
        assert_eq!(look(&HTTP2_PREFACE[..end], LIMIT), Opening::Partial, "{end}");
    }
    assert_eq!(
        look(b"PRI / HTTP/1.1\r\n\r\n", LIMIT),
        Opening::Http1(Request {
            method: "PRI",
            target: "/",
            minor_version: 1,
            headers: vec![],
            length: 18,
        })
    );
}

#[test]
fn what_is_whole_of_a_cut_head_can_be_told() {
    let cut = salvage(&SIMPLE[..SIMPLE.len() - 6]).unwrap();
    assert_eq!((cut.method, cut.target), ("GET", "/a?b=c"));
    assert_eq!(cut.headers, [("Host", &b"example.org"[..])]);
    let wrong = salvage(b"PUT /x HTTP/1.0\r\nA: b\r\n: nameless\r\n\r\n").unwrap();
    assert_eq!((wrong.method, wrong.minor_version), ("PUT", 0));
    assert_eq!(wrong.headers, [("A", &b"b"[..])]);
    assert_eq!(salvage(b"GET /a?b=c HT"), None);
    assert_eq!(salvage(b""), None);
}

/// A greeting as clients send it, in records of at most `record` bytes.
fn greeting(extensions: &[(u16, Vec<u8>)], record: usize) -> Vec<u8> {
    let list16 = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
    let mut body = vec![3, 3];
    body.extend_from_slice(&[7; 32]);
    body.extend_from_slice(&[0]);
    body.extend(list16(&[0x13, 0x01]));
    body.extend_from_slice(&[1, 0]);
    let extensions = extensions
        .iter()
        .map(|(kind, data)| [&kind.to_be_bytes()[..], &list16(data)].concat())
        .collect::<Vec<_>>()
        .concat();
    body.extend(list16(&extensions));
    let length = (body.len() as u32).to_be_bytes();
    let message = [&[1], &length[1..], &body].concat();
    message
        .chunks(record)
        .flat_map(|part| [&[22, 3, 1][..], &list16(part)].concat())
        .collect()
}

fn server_name(name: &[u8]) -> (u16, Vec<u8>) {
    let length = name.len() as u16;
    let entry = [&[0][..], &length.to_be_bytes(), name].concat();
    (0, [&(entry.len() as u16).to_be_bytes()[..], &entry].concat())
}

fn protocols(names: &[&[u8]]) -> (u16, Vec<u8>) {
    let list = names
        .iter()
        .map(|name| [&[name.len() as u8][..], name].concat())
        .collect::<Vec<_>>()
        .concat();
    (16, [&(list.len() as u16).to_be_bytes()[..], &list].concat())
}

#[test]
fn a_tls_greeting_tells_host_and_protocols() {
    let extensions = [
        (43, vec![2, 3, 4]),
        server_name(b"Example.ORG"),
        protocols(&[b"h2", b"http/1.1"]),
    ];
    for record in [1, 7, 64, 16384] {
        let bytes = greeting(&extensions, record);
        let Opening::Tls(hello) = look(&bytes, LIMIT) else {
            panic!("in records of {record}")
        };
        assert_eq!(hello.server_name.as_deref(), Some("example.org"));
        assert_eq!(hello.protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
        for end in 1..bytes.len() {
            assert_eq!(look(&bytes[..end], LIMIT), Opening::Partial, "{end}");
        }
    }
}

#[test]
fn a_tls_greeting_without_a_name_is_one() {
    let bytes = greeting(&[], 16384);
    assert_eq!(look(&bytes, LIMIT), Opening::Tls(ClientHello::default()));
}

#[test]
fn a_tls_greeting_longer_than_the_limit_is_too_long_at_once() {
    let bytes = greeting(&[(21, vec![0; 5000])], 16384);
    assert_eq!(look(&bytes[..16], 4000), Opening::TooLong);
    assert_eq!(look(&bytes, 4000), Opening::TooLong);
    assert!(matches!(look(&bytes, 6000), Opening::Tls(_)));
}

#[test]
fn a_tls_greeting_that_is_too_long_stays_so_whatever_follows() {
    // A record of 14 bytes, which begins a greeting of 23,367; then something that is no record.
    let mut bytes = vec![22, 3, 0, 0, 14, 1, 0, 91, 71];
    for end in [9, 19, 24, 80] {
        bytes.resize(end, 225);
        assert_eq!(look(&bytes, LIMIT), Opening::TooLong, "{end}");
    }
}

#[test]
fn a_name_that_no_host_has_makes_the_greeting_unknown() {
    for name in [&b""[..], b"a b", b"..\0", &[b'a'; 254]] {
        assert_eq!(
            look(&greeting(&[server_name(name)], 16384), LIMIT),
            Opening::Unknown
        );
    }
}

#[test]
fn other_tls_records_are_unknown() {
    let alert = [21, 3, 1, 0, 2, 2, 40];
    let finished = [22, 3, 3, 0, 4, 20, 0, 0, 12];
    let empty = [22, 3, 3, 0, 0];
    for bytes in [&alert[..], &finished, &empty, &[22, 4], &[22, 3, 9]] {
        assert_eq!(look(bytes, LIMIT), Opening::Unknown, "{bytes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_lead_out_of_bounds(bytes in prop::collection::vec(any::<u8>(), 0..400), limit in 0..500usize) {
        check(&bytes, limit);
    }

    #[test]
    fn no_change_to_a_greeting_leads_out_of_bounds(at in 0..120usize, to in any::<u8>(), end in 0..120usize) {
        let mut bytes = greeting(&[server_name(b"example.org"), protocols(&[b"h2"])], 40);
        let at = at % bytes.len();
        bytes[at] = to;
        let end = end.min(bytes.len());
        check(&bytes[..end], LIMIT);
        let early = look(&bytes[..end], LIMIT);
        if early != Opening::Partial {
            prop_assert_eq!(early, look(&bytes, LIMIT));
        }
    }

    #[test]
    fn what_was_settled_stays_so_as_more_arrives(
        tail in prop::collection::vec(any::<u8>(), 0..40),
        cut in 0..SIMPLE.len(),
        at in 0..SIMPLE.len(),
        to in any::<u8>(),
    ) {
        let mut bytes = SIMPLE.to_vec();
        bytes[at] = to;
        bytes.extend_from_slice(&tail);
        let (early, late) = (look(&bytes[..cut], LIMIT), look(&bytes, LIMIT));
        if early != Opening::Partial {
            prop_assert_eq!(early, late);
        }
    }
}

/// What holds for every look at any bytes.
fn check(bytes: &[u8], limit: usize) {
    match look(bytes, limit) {
        Opening::Http1(request) => {
            assert!(request.length <= bytes.len().min(limit));
            assert_eq!(salvage(bytes).as_ref(), Some(&request));
        }
        Opening::Partial => assert!(bytes.len() < limit),
        _ => {}
    }
    if let Some(request) = salvage(bytes) {
        assert!(request.length <= bytes.len());
    }
}
