//! How fast a long log is read: a hundred megabytes are to take about a second.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may stop with a message")]

use bootproof::triage::{Signatures, triage};
use divan::Bencher;
use divan::counter::BytesCount;

fn main() {
    divan::main();
}

/// A journal of an uneventful machine, with a crash in its middle.
fn journal(bytes: usize) -> String {
    let mut log = String::with_capacity(bytes + 200);
    let mut line = 0_u32;
    while log.len() < bytes {
        line += 1;
        let program = [
            "sshd[812]: Accepted publickey for deploy from 192.0.2.7 port 51234 ssh2",
            "systemd[1]: Started session-12.scope - Session 12 of User deploy.",
            "CRON[4711]: (root) CMD (   cd / && run-parts --report /etc/cron.hourly)",
            "kernel: [UFW BLOCK] IN=eth0 OUT= SRC=198.51.100.9 DST=192.0.2.1 LEN=40 PROTO=TCP SPT=443 DPT=23",
        ];
        let said = program[line as usize % program.len()];
        log.push_str(&format!(
            "Nov 20 {:02}:{:02}:{:02} db1 {said}\n",
            line / 3600 % 24,
            line / 60 % 60,
            line % 60
        ));
    }
    log.push_str("Nov 20 23:59:59 db1 kernel: mongod[812]: segfault at 0 ip 0000000000400123 sp 00007ffd0 error 4 in mongod[400000+1000]\n");
    log
}

#[divan::bench]
fn a_long_journal(bencher: Bencher<'_, '_>) {
    let signatures = Signatures::load(&[]).unwrap();
    let log = journal(100 << 20);
    bencher.counter(BytesCount::of_str(&log)).bench_local(|| {
        let triage = triage(log.as_bytes(), "journal", &signatures).unwrap();
        assert_eq!(triage.first_cause().unwrap().signature, "segfault");
    });
}

#[divan::bench]
fn loading_the_signatures(bencher: Bencher<'_, '_>) {
    bencher.bench(|| Signatures::load(&[]).unwrap());
}
