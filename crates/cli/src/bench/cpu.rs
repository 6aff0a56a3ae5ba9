//! Reads how long a process has worked.

/// What Linux counts processor time in, on every machine of today.
const TICKS_PER_S: f64 = 100.0;

/// How long all threads of a process have worked together, in seconds; zero when there is no such process.
///
/// The fields 14 and 15 of <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>.
pub(super) fn seconds(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The second field is the program's name, which may hold anything.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_S
}
