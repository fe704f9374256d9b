//! The walls of `docs/architecture.md`: which room may name what. Lints hold what lints can (`unsafe` is denied
//! in `Cargo.toml` and forbidden in the pure rooms); this test reads the source for the rest.

#![allow(
    clippy::expect_used,
    reason = "a test that cannot read the source has to fail"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Every room: its path below `src`, the rooms it may use, and whether it may contain `unsafe`.
/// A room that is not listed here fails the test, so that the map in `lib.rs` and in the document is kept.
const ROOMS: &[Room] = &[
    Room {
        name: "error",
        may_use: &[],
        may_be_unsafe: false,
    },
    Room {
        name: "sys",
        may_use: &["error"],
        may_be_unsafe: true,
    },
    Room {
        name: "shm",
        may_use: &["error", "sys"],
        may_be_unsafe: true,
    },
    Room {
        name: "lru",
        may_use: &["error"],
        may_be_unsafe: false,
    },
    Room {
        name: "store",
        may_use: &["error", "sys", "shm", "lru"],
        may_be_unsafe: false,
    },
    Room {
        name: "scope",
        may_use: &["error", "lru"],
        may_be_unsafe: false,
    },
    Room {
        name: "balance",
        may_use: &["error", "sys", "shm"],
        may_be_unsafe: false,
    },
    Room {
        name: "admin",
        may_use: &["error", "sys", "shm", "store", "balance"],
        may_be_unsafe: false,
    },
    Room {
        name: "bindings",
        may_use: &["error", "sys", "shm", "store", "scope", "balance", "admin"],
        may_be_unsafe: true,
    },
];

/// A crate that only one room may name.
const OUTSIDE: &[(&str, &str)] = &[("libc", "sys"), ("napi", "bindings"), ("napi_derive", "bindings")];

struct Room {
    name: &'static str,
    may_use: &'static [&'static str],
    may_be_unsafe: bool,
}

/// The words of Rust code, without comments and without what stands in quotes; paths keep their `::`.
fn words(source: &str) -> Vec<String> {
    let code: String = source
        .lines()
        .map(|line| format!("{}\n", without_comment(line)))
        .collect();
    code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .map(|word| word.trim_matches(':').to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

fn without_comment(line: &str) -> String {
    let (mut code, mut quoted, mut previous) = (String::new(), false, ' ');
    for c in line.chars() {
        match c {
            '"' if previous != '\\' && previous != '\'' => quoted = !quoted,
            '/' if previous == '/' && !quoted => return code,
            _ if !quoted => code.push(c),
            _ => {}
        }
        previous = c;
    }
    code
}

/// What a file of a room breaks, each as a sentence.
fn broken_walls(room: &Room, source: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for word in words(source) {
        let path: Vec<_> = word.split("::").collect();
        if let ["crate", target, ..] = path[..]
            && target != room.name
            && ROOMS.iter().any(|other| other.name == target)
            && !room.may_use.contains(&target)
        {
            broken.push(format!("{} may not use {target}", room.name));
        }
        for (name, home) in OUTSIDE {
            if path[0] == *name && room.name != *home {
                broken.push(format!("{} may not name {name}, only {home} may", room.name));
            }
        }
        if word == "unsafe" && !room.may_be_unsafe {
            broken.push(format!("{} may not contain unsafe code", room.name));
        }
    }
    broken
}

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("the entry is readable").path();
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn room_of(file: &Path, src: &Path) -> Option<&'static Room> {
    let inside = file.strip_prefix(src).expect("the file lies below src");
    let first = inside.components().next()?.as_os_str().to_str()?;
    let name = first.trim_end_matches(".rs");
    ROOMS.iter().find(|room| room.name == name)
}

#[test]
fn every_file_stays_within_the_walls_of_its_room() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut broken = Vec::new();
    for file in source_files(&src) {
        if file == src.join("lib.rs") {
            continue;
        }
        let name = file.strip_prefix(&src).expect("below src").display().to_string();
        match room_of(&file, &src) {
            None => broken.push(format!("{name}: belongs to no room of the map")),
            Some(room) => {
                let source = fs::read_to_string(&file).expect("the file is readable");
                broken.extend(
                    broken_walls(room, &source)
                        .iter()
                        .map(|what| format!("{name}: {what}")),
                );
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// What property tests, fuzzers and Miri run on: the compiler itself refuses unsafe code in it.
#[test]
fn the_pure_rooms_forbid_unsafe_code() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for room in [
        "error.rs",
        "lru/mod.rs",
        "store/mod.rs",
        "scope/mod.rs",
        "balance/head.rs",
        "balance/score.rs",
        "admin/gate.rs",
        "admin/http.rs",
        "balance/sticky.rs",
    ] {
        let source = fs::read_to_string(src.join(room)).expect("the room is there");
        assert!(
            source.contains("#![forbid(unsafe_code)]"),
            "{room} does not forbid unsafe code"
        );
    }
}

/// What may not be named in a part of the balancer: the front names no carrier, and the carriers not each other.
const BALANCE: &[(&str, &[&str])] = &[
    ("front", &["carriers", "handoff", "proxy"]),
    ("carriers/handoff", &["proxy"]),
    ("carriers/proxy", &["handoff"]),
];

#[test]
fn the_front_names_no_carrier_and_the_carriers_not_each_other() {
    let balance = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/balance");
    for (part, others) in BALANCE {
        for file in source_files(&balance.join(part)) {
            let source = fs::read_to_string(&file).expect("the file is readable");
            let names = words(&source);
            let named = names.iter().flat_map(|word| word.split("::"));
            let broken: Vec<_> = named.filter(|name| others.contains(name)).collect();
            assert!(broken.is_empty(), "{}: names {broken:?}", file.display());
        }
    }
}

/// The layers of the store, the lowest first, and what each may use beside itself.
const LAYERS: &[(&str, &[&str])] = &[
    ("ground", &[]),
    ("table", &["ground"]),
    ("entries", &["ground", "table"]),
    ("flights", &["ground", "table", "entries"]),
    ("copies", &["ground", "table", "entries", "flights"]),
    ("facade", &["ground", "table", "entries", "flights", "copies"]),
];

/// The source of each layer without its tests, file by file.
fn layer_files(layer: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/store")
        .join(layer);
    let source = |file: PathBuf| {
        let text = fs::read_to_string(&file).expect("the file is readable");
        let (code, _) = text.split_once("#[cfg(test)]\nmod ").unwrap_or((&text, ""));
        (file.display().to_string(), code.to_owned())
    };
    source_files(&folder).into_iter().map(source).collect()
}

/// What a file of a layer names of other layers, by their paths.
fn layers_named(source: &str) -> Vec<String> {
    let named = |word: String| {
        let path: Vec<_> = word.split("::").map(str::to_owned).collect();
        match &path[..] {
            [root, store, layer, ..] if root == "crate" && store == "store" => Some(layer.clone()),
            _ => None,
        }
    };
    words(source).into_iter().filter_map(named).collect()
}

/// The methods that a file declares.
fn methods_declared(source: &str) -> Vec<String> {
    let lines = source.lines().map(without_comment);
    let declared = |line: String| {
        let (before, after) = line.split_once("fn ")?;
        let is_method = before.starts_with("    ") && line.contains('(');
        let name = after.split(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
        is_method.then(|| name.to_owned())
    };
    lines.filter_map(declared).collect()
}

/// The methods that a file calls on a held namespace, or on the ground.
fn methods_called(source: &str) -> Vec<String> {
    let code: String = source.lines().map(without_comment).collect::<Vec<_>>().join("\n");
    let mut called = Vec::new();
    for receiver in ["self.", "held.", "ground."] {
        for (at, _) in code.match_indices(receiver) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            let name: String = code[at + receiver.len()..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let is_call = code[at + receiver.len() + name.len()..].starts_with(['(', ':']);
            if is_call && !before.is_alphanumeric() && before != '_' && before != '.' {
                called.push(name);
            }
        }
    }
    called
}

#[test]
fn the_layers_of_the_store_use_only_those_below_them() {
    let mut broken = Vec::new();
    let mut below = Vec::new();
    for (layer, may_use) in LAYERS {
        let files = layer_files(layer);
        assert!(!files.is_empty(), "{layer} is gone");
        below.extend(files.iter().flat_map(|(_, source)| methods_declared(source)));
        for (file, source) in &files {
            let named = layers_named(source);
            let up = named
                .iter()
                .filter(|named| named != layer && !may_use.contains(&named.as_str()));
            broken.extend(up.map(|up| format!("{file}: {layer} may not use {up}")));
            let called = methods_called(source);
            let up = called.iter().filter(|name| !below.contains(name));
            let elsewhere = up.filter(|name| {
                LAYERS
                    .iter()
                    .flat_map(|(layer, _)| layer_files(layer))
                    .any(|(_, source)| methods_declared(&source).contains(name))
            });
            broken.extend(elsewhere.map(|name| format!("{file}: {layer} calls {name}, which lies above it")));
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn an_arrow_that_runs_up_is_seen() {
    assert_eq!(
        layers_named("use crate::store::facade::cache::Cache; // crate::store::entries"),
        ["facade"]
    );
    assert_eq!(
        methods_declared("    pub(in crate::store) fn evict(&mut self) {}\nfn free() {}"),
        ["evict"]
    );
    assert_eq!(
        methods_called("self.evict()?; self.ns.get(); myself.clear(); held.clear()"),
        ["evict", "clear"]
    );
}

#[test]
fn a_broken_wall_is_seen() {
    let room = |name| {
        ROOMS
            .iter()
            .find(|room| room.name == name)
            .expect("a room of the map")
    };
    let broken = |name, source| broken_walls(room(name), source).len();

    assert_eq!(broken("store", "let n = unsafe { libc::getpid() };"), 2);
    assert_eq!(broken("lru", "unsafe { first.next() }"), 1);
    assert_eq!(broken("scope", "use napi::Env; use napi_derive::napi;"), 2);
    assert_eq!(broken("scope", "use crate::store::Store;"), 1);
    assert_eq!(broken("store", "use crate::shm::Region;"), 0);
    assert_eq!(broken("error", "// libc and napi::Env may be spoken of"), 0);
    assert_eq!(broken("error", "let text = \"no unsafe, no libc::here\";"), 0);
}

/// The sisters that a file names, by what it takes from its own folder.
fn sisters(source: &str, names: &[String]) -> Vec<String> {
    let uses = source
        .lines()
        .map(without_comment)
        .filter(|line| line.trim_start().starts_with("use super::") && !line.contains("super::super"));
    uses.flat_map(|line| words(&line))
        .flat_map(|word| word.split("::").map(str::to_owned).collect::<Vec<_>>())
        .filter(|word| names.contains(word))
        .collect()
}

/// The files of a folder can be put in an order in which each uses only those before it.
#[test]
fn no_circle_runs_through_the_bindings_of_the_cache() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bindings/cache");
    let mut left: Vec<(String, String)> = source_files(&folder)
        .iter()
        .map(|file| {
            let name = file.file_stem().expect("a file has a name").display().to_string();
            (name, fs::read_to_string(file).expect("the file is readable"))
        })
        .filter(|(name, _)| name != "mod")
        .collect();
    while !left.is_empty() {
        let names: Vec<_> = left.iter().map(|(name, _)| name.clone()).collect();
        left.retain(|(_, source)| !sisters(source, &names).is_empty());
        assert!(left.len() < names.len(), "a circle runs through {names:?}");
    }
}
