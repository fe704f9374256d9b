//! How much memory may still be taken: by this process's control groups, and by the machine.
//!
//! It guards against the kernel's killer. A group at its limit is not refused the next page: one of its processes is
//! killed for it. So who takes memory that can be done without asks here first, and a share of each limit is left to
//! those who cannot ask. What cannot be read sets no limit. Nothing here outlives the process.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::clock;

/// What is granted at one reading, so that not every request reads files.
const GRANT: u64 = 4 << 20;
/// How long a refusal stands, in milliseconds: a cache that has no room asks at each write.
const REFUSAL_MS: f64 = 50.0;
/// The most that is left to others of one limit, of which otherwise a quarter is left.
const MOST_RESERVE: u64 = 256 << 20;

/// What may still be taken without another reading.
static GRANTED: AtomicU64 = AtomicU64::new(0);
/// Until when nothing is to be had; the bits of a time in milliseconds.
static REFUSED_UNTIL: AtomicU64 = AtomicU64::new(0);

/// Whether `len` bytes may be taken. They count as taken then.
pub fn take(len: u64) -> bool {
    let taken = |granted: u64| granted.checked_sub(len);
    if GRANTED
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken)
        .is_ok()
    {
        return true;
    }
    let now = clock::monotonic_ms();
    if now < f64::from_bits(REFUSED_UNTIL.load(Ordering::Relaxed)) {
        return false;
    }
    match Places::default().spare() {
        Some(spare) if spare < len => {
            REFUSED_UNTIL.store((now + REFUSAL_MS).to_bits(), Ordering::Relaxed);
            false
        }
        Some(spare) => {
            GRANTED.store((spare - len).min(GRANT), Ordering::Relaxed);
            true
        }
        None => true,
    }
}

/// Where the kernel tells of memory.
struct Places {
    groups: PathBuf,
    root: PathBuf,
    machine: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            groups: "/proc/self/cgroup".into(),
            root: "/sys/fs/cgroup".into(),
            machine: "/proc/meminfo".into(),
        }
    }
}

impl Places {
    /// The least that any limit leaves, its reserve not counted.
    fn spare(&self) -> Option<u64> {
        let groups = fs::read_to_string(&self.groups).unwrap_or_default();
        let of_groups = groups.lines().filter_map(|line| self.of_group(line)).min();
        of_groups.into_iter().chain(self.of_machine()).min()
    }

    fn of_machine(&self) -> Option<u64> {
        let text = fs::read_to_string(&self.machine).ok()?;
        let available = figure(&text, "MemAvailable:")? << 10;
        Some(without_reserve(figure(&text, "MemTotal:")? << 10, available))
    }

    /// Of a line such as `0::/service` (version 2) or `4:memory:/service` (version 1).
    fn of_group(&self, line: &str) -> Option<u64> {
        let (controllers, group) = line.split_once(':')?.1.split_once(':')?;
        if controllers.is_empty() {
            folders(&self.root, group)
                .filter_map(|folder| unified(&folder))
                .min()
        } else if controllers.split(',').any(|name| name == "memory") {
            folders(&self.root.join("memory"), group)
                .filter_map(|folder| older(&folder))
                .min()
        } else {
            None
        }
    }
}

/// The folder of a group and those above it. Inside a container the path may be one of the host's, and then only the
/// root is there.
fn folders(root: &Path, group: &str) -> impl Iterator<Item = PathBuf> {
    let names = group.split('/').filter(|name| !name.is_empty() && *name != "..");
    let below = names.scan(root.to_path_buf(), |folder, name| {
        folder.push(name);
        Some(folder.clone())
    });
    std::iter::once(root.to_path_buf()).chain(below.collect::<Vec<_>>())
}

fn unified(folder: &Path) -> Option<u64> {
    let limit = number(&folder.join("memory.max"))?;
    let used = number(&folder.join("memory.current"))?;
    let files = cached_files(folder, ["inactive_file", "active_file"]);
    Some(left(limit, used, files))
}

fn older(folder: &Path) -> Option<u64> {
    let limit = number(&folder.join("memory.limit_in_bytes"))?;
    let used = number(&folder.join("memory.usage_in_bytes"))?;
    let files = cached_files(folder, ["total_inactive_file", "total_active_file"]);
    Some(left(limit, used, files))
}

/// What is used for copies of files makes room by itself.
fn left(limit: u64, used: u64, files: u64) -> u64 {
    without_reserve(limit, limit.saturating_sub(used.saturating_sub(files)))
}

fn without_reserve(limit: u64, spare: u64) -> u64 {
    spare.saturating_sub((limit / 4).min(MOST_RESERVE))
}

/// Nothing for `max`, which is no limit.
fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn cached_files(folder: &Path, names: [&str; 2]) -> u64 {
    let text = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    names.iter().filter_map(|name| figure(&text, name)).sum()
}

/// The number behind a name at the beginning of a line.
fn figure(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .map(str::split_whitespace)
        .find_map(|mut words| (words.next() == Some(name)).then(|| words.next()))?
        .and_then(|word| word.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("flotilla-spare-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn write(&self, file: &str, text: &str) {
            let file = self.0.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }

        fn places(&self) -> Places {
            Places {
                groups: self.0.join("groups"),
                root: self.0.join("root"),
                machine: self.0.join("machine"),
            }
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_cannot_be_read_sets_no_limit() {
        assert_eq!(Folder::new("nothing").places().spare(), None);
        let unlimited = Folder::new("unlimited");
        unlimited.write("groups", "0::/app\n7:cpu:/app\nnonsense\n");
        unlimited.write("root/app/memory.max", "max\n");
        unlimited.write("root/app/memory.current", "1000\n");
        assert_eq!(unlimited.places().spare(), None);
    }

    #[test]
    fn a_group_leaves_its_limit_less_what_is_used_and_cannot_be_dropped_and_a_quarter() {
        let folder = Folder::new("unified");
        folder.write("groups", "0::/app\n");
        folder.write("root/app/memory.max", &(160 * MB).to_string());
        folder.write("root/app/memory.current", &(100 * MB).to_string());
        folder.write(
            "root/app/memory.stat",
            &format!("anon 5\ninactive_file {}\nactive_file {}\n", 30 * MB, 10 * MB),
        );
        assert_eq!(folder.places().spare(), Some((160 - 100 + 40 - 40) * MB));
    }

    #[test]
    fn the_tightest_limit_counts_of_groups_above_and_of_the_machine() {
        let folder = Folder::new("above");
        folder.write("groups", "4:memory:/outer/inner\n");
        for (path, limit) in [("outer", 100 * MB), ("outer/inner", 1000 * MB)] {
            folder.write(
                &format!("root/memory/{path}/memory.limit_in_bytes"),
                &limit.to_string(),
            );
            folder.write(
                &format!("root/memory/{path}/memory.usage_in_bytes"),
                &(20 * MB).to_string(),
            );
        }
        let outer = Some(80 * MB - 100 * MB / 4);
        assert_eq!(folder.places().spare(), outer);
        folder.write("machine", "MemTotal: 4194304 kB\nMemAvailable: 1048576 kB\n");
        assert_eq!(folder.places().spare(), outer);
        folder.write("machine", "MemTotal: 4194304 kB\nMemAvailable: 1024 kB\n");
        assert_eq!(folder.places().spare(), Some(0));
    }

    #[test]
    fn a_path_of_the_host_is_looked_for_at_the_root() {
        let folder = Folder::new("host");
        folder.write("groups", "0::/../../kubepods/pod\n");
        folder.write("root/memory.max", &(64 * MB).to_string());
        folder.write("root/memory.current", "0");
        assert_eq!(folder.places().spare(), Some(48 * MB));
    }
}
