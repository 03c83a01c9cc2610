//! A child together with all the processes that came from it: how much memory they use, and ending them all.

use std::collections::HashMap;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// One line of `/proc`.
#[derive(Clone, Copy, Debug)]
struct Process {
    pid: i32,
    parent: i32,
    group: i32,
}

/// The family of the child with this pid, which leads its own process group.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProcessTree {
    root: i32,
}

impl ProcessTree {
    pub(super) fn new(root: i32) -> Self {
        ProcessTree { root }
    }

    /// The resident memory of the whole family; zero where `/proc` cannot be read.
    pub(super) fn rss_bytes(self) -> u64 {
        family(&all_processes(), self.root).iter().map(|process| rss_bytes(process.pid)).sum()
    }

    /// Kills the group, and descendants that left it for a group of their own.
    pub(super) fn kill(self) {
        let members = family(&all_processes(), self.root);
        if let Some(pid) = Pid::from_raw(self.root) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        for member in members {
            if let Some(pid) = Pid::from_raw(member.pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// Everything in the group of `root`, and everything that descends from it.
fn family(all: &[Process], root: i32) -> Vec<Process> {
    let mut member: HashMap<i32, bool> =
        all.iter().map(|process| (process.pid, process.pid == root || process.group == root)).collect();
    // a child can stand before its parent in the list, so repeat until nothing is added (bounded by the depth)
    for _ in 0..64 {
        let mut grew = false;
        for process in all {
            let parent_in = member.get(&process.parent).copied().unwrap_or(false);
            if let Some(inside) = member.get_mut(&process.pid)
                && parent_in
                && !*inside
            {
                *inside = true;
                grew = true;
            }
        }
        if !grew {
            break;
        }
    }
    all.iter().filter(|process| member.get(&process.pid).copied().unwrap_or(false)).copied().collect()
}

fn all_processes() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            parse_stat(pid, &std::fs::read_to_string(entry.path().join("stat")).ok()?)
        })
        .collect()
}

/// `/proc/PID/stat`: after the name in brackets come state, parent, group, …
fn parse_stat(pid: i32, stat: &str) -> Option<Process> {
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().skip(1);
    Some(Process { pid, parent: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
}

fn rss_bytes(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    parse_rss_bytes(&status).unwrap_or(0)
}

/// `VmRSS:  1234 kB`; a process that has ended has no such line.
fn parse_rss_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_is_read() {
        let process = parse_stat(7, "7 (a) b) S 1 5 5 0 -1 4194560").unwrap();
        assert_eq!((process.parent, process.group), (1, 5));
        assert_eq!(parse_rss_bytes("Name: x\nVmRSS:\t  12 kB\n"), Some(12 * 1024));
    }

    #[test]
    fn grandchildren_in_groups_of_their_own_belong_to_the_family() {
        let process = |pid, parent, group| Process { pid, parent, group };
        let all = [process(30, 20, 30), process(20, 10, 20), process(10, 1, 10), process(40, 1, 40)];
        let pids: Vec<_> = family(&all, 10).iter().map(|process| process.pid).collect();
        assert_eq!(pids, [30, 20, 10]);
    }
}
