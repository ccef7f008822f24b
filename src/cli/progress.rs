//! Says on the terminal what is being done, once it takes longer than a second.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::report::prose::clipped;
use crate::source::{Tree, display_path};

/// Work that is done sooner needs no words.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the line is drawn anew.
const BEAT: Duration = Duration::from_millis(100);
/// Columns of a message; the line must not wrap, or it could not be drawn over.
const LONGEST: usize = 70;

/// The line on the terminal; it goes away when this is dropped. There is none where stderr is no terminal.
pub(super) struct Progress {
    stage: Arc<Mutex<String>>,
    drawing: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Begins with `stage`: "reading `host.tar`".
    pub(super) fn start(stage: impl Into<String>) -> Self {
        let stage = Arc::new(Mutex::new(stage.into()));
        let shown = Arc::clone(&stage);
        let drawing = std::io::stderr().is_terminal().then(|| {
            let (stop, stopped) = channel::<()>();
            let draw = move || {
                if stopped.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                let bar = ProgressBar::new_spinner().with_style(style());
                while stopped.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
                    let stage = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    bar.set_message(clipped(&stage, LONGEST));
                    bar.tick();
                }
                bar.finish_and_clear();
            };
            (stop, std::thread::spawn(draw))
        });
        Self { stage, drawing }
    }

    /// From here on, this is being done.
    pub(super) fn stage(&self, stage: impl Into<String>) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage.into();
    }

    /// Names each file of `tree` as it is read.
    pub(super) fn watch(&self, tree: Tree) -> Tree {
        if self.drawing.is_none() {
            return tree;
        }
        let stage = Arc::clone(&self.stage);
        tree.watched(move |path: &Path| {
            *stage.lock().unwrap_or_else(PoisonError::into_inner) = format!("reading {}", display_path(path));
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.drawing.take() {
            drop(stop);
            // The thread only draws; if it has panicked, nothing is lost.
            let _ = thread.join();
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::default_spinner().tick_chars("-\\|/ ")
}
