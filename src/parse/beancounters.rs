//! `/proc/user_beancounters` of OpenVZ: what a container uses of each resource, its limits, and how often it hit them.
//!
//! `uid resource held maxheld barrier limit failcnt`, the uid with a colon and only in the first line of each container
//! (`kernel/bc/proc.c` of the OpenVZ kernel; proc(5) of vzctl's documentation).

use super::lines::lines;
use crate::place::Span;

/// Lines that are kept: some 25 a container, and a node has hundreds of them.
const MAX_LINES: usize = 50_000;

/// A container's counter of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// The container's number; 0 is the node itself.
    pub uid: u64,
    /// `tcpsndbuf`, `kmemsize`, `numproc`.
    pub resource: String,
    /// What it uses now.
    pub held: u64,
    /// The most it used.
    pub max_held: u64,
    /// Where the kernel begins to refuse what can wait.
    pub barrier: u64,
    /// What it never gets beyond.
    pub limit: u64,
    /// How often something was refused.
    pub failures: u64,
    /// The line.
    pub span: Span,
}

/// The counters in their order.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Counter> {
    let mut found = Vec::new();
    let mut uid = 0;
    for line in lines(bytes).take(MAX_LINES) {
        let mut words: Vec<&str> = line.text.split_whitespace().collect();
        if let Some(number) =
            words.first().and_then(|word| word.strip_suffix(':')).and_then(|word| word.parse().ok())
        {
            uid = number;
            words.remove(0);
        }
        let [resource, numbers @ ..] = words.as_slice() else { continue };
        let numbers: Vec<u64> = numbers.iter().map_while(|word| word.parse().ok()).collect();
        let [held, max_held, barrier, limit, failures] = numbers.as_slice() else { continue };
        // Lines that the kernel keeps free for resources to come.
        if *resource == "dummy" {
            continue;
        }
        found.push(Counter {
            uid,
            resource: (*resource).to_owned(),
            held: *held,
            max_held: *max_held,
            barrier: *barrier,
            limit: *limit,
            failures: *failures,
            span: line.span_of(resource),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counters_are_read_with_the_container_they_belong_to() {
        let text = "Version: 2.5\n       uid  resource     held  maxheld  barrier  limit  failcnt\n      101:  kmemsize     1 2 3 4 0\n\
                    \x20           tcpsndbuf    9 10 8 12 77\n            dummy        0 0 0 0 0\n        0:  numproc 1 1 9 9 0\n";
        let found = parse(text.as_bytes());
        let names: Vec<_> = found.iter().map(|one| (one.uid, one.resource.as_str(), one.failures)).collect();
        assert_eq!(names, [(101, "kmemsize", 0), (101, "tcpsndbuf", 77), (0, "numproc", 0)]);
        assert_eq!((found[1].barrier, found[1].limit, found[1].span.line), (8, 12, 4));
    }

    proptest! {
        #[test]
        fn any_text_ends(text in "[ -~\n]{0,300}") {
            prop_assert!(parse(text.as_bytes()).len() <= text.len());
        }
    }
}
