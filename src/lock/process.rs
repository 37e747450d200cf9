//! Which process this is, and whether another one lives: what `/proc` says. Where there is no `/proc`, nothing is known and
//! leases are judged by their heartbeats alone.

use std::os::unix::fs::MetadataExt;

use super::protocol::{Found, Life, Process, Record};

/// This process, as the record of a lease names it; none where it cannot be told beyond doubt.
pub fn this() -> Option<Process> {
    let boot = fs_err::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let pids = fs_err::read_link("/proc/self/ns/pid").ok()?;
    // Start times are shifted in a time namespace; kernels before 5.6 have none.
    let times = fs_err::read_link("/proc/self/ns/time").unwrap_or_default();
    // Other users' processes can be hidden (`hidepid`): then nobody found would not mean nobody there.
    let user = fs_err::metadata("/proc/self").ok()?.uid();
    let stat = fs_err::read_to_string("/proc/self/stat").ok()?;
    let (pid, started) = (std::process::id(), read(&stat)?.started);
    // A /proc that belongs to another namespace counts differently.
    if stat.split_whitespace().next() != Some(pid.to_string().as_str()) {
        return None;
    }
    Some(Process {
        place: format!("{} {} {} {user}", boot.trim(), pids.display(), times.display()),
        pid,
        started,
    })
}

/// What is known of the process behind a lease.
pub(super) fn life(record: &Record, own: Option<&Process>) -> Life {
    match (&record.holder.process, own) {
        (Some(holder), Some(own)) => holder.life(own, found),
        _ => Life::Unknown,
    }
}

fn found(pid: u32) -> Found {
    match fs_err::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => read(&stat).map_or(Found::Unclear, |stat| stat.found()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Found::Nobody,
        Err(_) => Found::Unclear,
    }
}

/// The fields of `/proc/PID/stat` that matter (proc_pid_stat(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    state: char,
    threads: u64,
    started: u64,
}

/// The name stands in parentheses and may hold spaces and parentheses itself, so fields are counted from the last one.
fn read(stat: &str) -> Option<Stat> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        threads: fields.get(17)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

impl Stat {
    fn found(&self) -> Found {
        match self.state {
            // It was killed, and nobody has asked yet how it ended; a thread of it may still be on its way out.
            'Z' | 'X' if self.threads <= 1 => Found::Nobody,
            'Z' | 'X' | 'T' | 't' => Found::Unclear,
            _ => Found::Running { started: self.started },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "4242 (a) b (c)) S 1 4242 4242 0 -1 4194560 1 0 0 0 3 1 0 0 20 0 5 0 987654 1 2 3";

    #[test]
    fn fields_are_counted_behind_a_name_with_spaces_and_parentheses() {
        let stat = read(STAT).unwrap();
        assert_eq!(
            stat,
            Stat {
                state: 'S',
                threads: 5,
                started: 987_654
            }
        );
        assert_eq!(stat.found(), Found::Running { started: 987_654 });
        assert_eq!(read("4242 (short) S 1"), None);
    }

    #[test]
    fn a_process_that_nobody_has_buried_is_dead_once_its_last_thread_is() {
        let with = |state: char, threads| Stat {
            state,
            threads,
            started: 1,
        };
        assert_eq!(with('Z', 1).found(), Found::Nobody);
        assert_eq!(with('Z', 3).found(), Found::Unclear);
        assert_eq!(
            with('T', 3).found(),
            Found::Unclear,
            "a stopped process is neither dead nor at work"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_lives_and_a_child_that_ended_does_not() {
        let own = this().unwrap();
        assert_eq!(own.life(&own, found), Life::Alive { pid: own.pid });
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        let gone = Process { pid, ..own.clone() };
        assert_eq!(gone.life(&own, found), Life::Dead { pid });
    }
}
