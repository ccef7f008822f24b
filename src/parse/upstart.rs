//! Jobs of upstart: init(5), `start on`, `manual`, `exec`, `env` and the like.
//!
//! Only what says whether and with what a job starts is kept; `script` blocks are passed over.

use super::lines::{Field, lines};
use crate::place::Span;

/// A job's file, or what an `.override` says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Job {
    /// `description`.
    pub description: Option<String>,
    /// The condition of the last `start on`, as written.
    pub start_on: Option<Field>,
    /// `manual` after it, which takes the condition away.
    pub manual: Option<Span>,
    /// The program and arguments of `exec`.
    pub exec: Option<Field>,
    /// `setuid`.
    pub user: Option<String>,
    /// `console`.
    pub console: Option<String>,
}

impl Job {
    /// This job with the lines of its `.override` read after its own.
    #[must_use]
    pub fn overridden_by(mut self, over: Self) -> Self {
        if over.start_on.is_some() {
            (self.start_on, self.manual) = (over.start_on, over.manual);
        } else if over.manual.is_some() {
            self.manual = over.manual;
        }
        self.description = over.description.or(self.description);
        self.exec = over.exec.or(self.exec);
        self.user = over.user.or(self.user);
        self.console = over.console.or(self.console);
        self
    }

    /// Whether an event starts it.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.start_on.is_some() && self.manual.is_none()
    }
}

/// Reads a file.
#[must_use]
pub fn parse(bytes: &[u8]) -> Job {
    let mut job = Job::default();
    let mut in_script = false;
    for line in lines(bytes) {
        let text = line.text.trim();
        if in_script {
            in_script = text != "end script";
            continue;
        }
        let Some((word, rest)) = line.first_word() else { continue };
        match word {
            "script" => in_script = true,
            "pre-start" | "post-start" | "pre-stop" | "post-stop" => in_script = rest == "script",
            "description" => job.description = Some(rest.trim_matches('"').to_owned()),
            "start" => {
                if let Some(condition) = rest.strip_prefix("on") {
                    (job.start_on, job.manual) = (Some(line.field(condition.trim())), None);
                }
            }
            "manual" => job.manual = Some(line.span_of(word)),
            "exec" => job.exec = Some(line.field(rest)),
            "setuid" => job.user = Some(rest.to_owned()),
            "console" => job.console = Some(rest.to_owned()),
            _ => {}
        }
    }
    job
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_job_starts_on_events_unless_it_is_manual() {
        let text = "# tty1\ndescription \"getty\"\nstart on stopped rc RUNLEVEL=[2345] and (\n  not-container)\n\
                    pre-start script\n  start on nothing\nend script\nrespawn\nexec /sbin/getty -8 38400 tty1\n";
        let job = parse(text.as_bytes());
        assert_eq!(job.description.as_deref(), Some("getty"));
        assert_eq!(
            job.start_on.as_ref().map(|on| on.text.as_str()),
            Some("stopped rc RUNLEVEL=[2345] and (")
        );
        assert_eq!(job.exec.as_ref().map(|exec| exec.text.as_str()), Some("/sbin/getty -8 38400 tty1"));
        assert!(job.is_started());
        assert!(!parse(b"exec x\n").is_started(), "no event starts it");
        assert!(!job.clone().overridden_by(parse(b"manual\n")).is_started());
        assert!(!parse(b"start on x\nmanual\n").is_started());
        assert!(parse(b"manual\nstart on x\n").is_started());
        assert!(parse(b"start on x\nmanual\n").overridden_by(parse(b"start on y\n")).is_started());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let job = parse(&bytes);
            let _ = job.clone().overridden_by(job).is_started();
        }
    }
}
