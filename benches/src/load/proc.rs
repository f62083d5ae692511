//! CPU time and memory of a process, read from `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

/// User and system time of all threads of a process so far.
///
/// The nanoseconds of `schedstat` are preferred; they know only living threads, so when `stat`, which counts in
/// ticks of 10 ms, is clearly ahead, some thread has ended and `stat` is believed.
pub(crate) fn cpu_time(process: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let coarse = stat_time(&stat).ok_or_else(|| malformed("stat"))?;
    let mut fine = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end while the directory is read, and a kernel may be built without schedstat.
        if let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) {
            fine += schedstat_time(&text).ok_or_else(|| malformed("schedstat"))?;
        }
    }
    Ok(if coarse > fine + 3 * TICK { coarse } else { fine })
}

/// Time of the threads of a process that have this name, so far.
pub(crate) fn thread_time(process: u32, name: &str) -> io::Result<Duration> {
    let mut time = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let path = task?.path();
        // a thread may end while the directory is read
        let is_meant = fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim_end() == name);
        if is_meant && let Ok(text) = fs::read_to_string(path.join("schedstat")) {
            time += schedstat_time(&text).ok_or_else(|| malformed("schedstat"))?;
        }
    }
    Ok(time)
}

/// Resident memory of a process in bytes.
pub(crate) fn resident_memory(process: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    status_resident(&status).ok_or_else(|| malformed("status"))
}

/// `utime` and `stime`, fields 14 and 15; the second field may contain spaces and parentheses.
fn stat_time(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((user + system) * TICK)
}

/// The first field is the time on a CPU in nanoseconds.
fn schedstat_time(schedstat: &str) -> Option<Duration> {
    schedstat.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn status_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn malformed(file: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("/proc/*/{file} is not as expected"))
}

/// The unit of `stat`: USER_HZ is 100 on every common architecture.
const TICK: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_stat_are_found_behind_a_name_with_parentheses() {
        let stat = "77 (a b) c) S 1 77 77 0 -1 4194560 286 0 0 0 12 30 5 6 20 0 1 0 79180";
        assert_eq!(stat_time(stat), Some(Duration::from_millis(420)));
        assert_eq!(stat_time("77 (a) S 1"), None);
    }

    #[test]
    fn schedstat_counts_nanoseconds() {
        assert_eq!(schedstat_time("1518741 20 2\n"), Some(Duration::from_nanos(1_518_741)));
        assert_eq!(schedstat_time(""), None);
    }

    #[test]
    fn resident_memory_is_given_in_kibibytes() {
        assert_eq!(status_resident("VmHWM:\t  9 kB\nVmRSS:\t    1024 kB\n"), Some(1 << 20));
        assert_eq!(status_resident("VmHWM:\t  9 kB\n"), None);
    }
}
