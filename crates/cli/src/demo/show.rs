//! Shows the demo's progress: a live bar on a terminal, one line a step where there is none.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::print;

/// The demo's display.
pub(crate) struct Show {
    bar: Option<ProgressBar>,
}

impl Show {
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar }
    }

    /// Begins a step of the demo.
    pub(crate) fn step(&self, what: &str) {
        match &self.bar {
            Some(bar) => {
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                    bar.set_style(style);
                }
                bar.set_message(what.to_owned());
            }
            None => print::remark(what),
        }
    }

    /// Says something that stays.
    pub(crate) fn remark(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.println(what),
            None => print::remark(what),
        }
    }

    /// How far the step's licenses have got.
    pub(crate) fn licenses(&self, what: &str, done: u64, total: u64, under_way: u64) {
        let Some(bar) = &self.bar else { return };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg:34} [{bar:36}] {pos}/{len} {elapsed}")
        {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_length(total);
        bar.set_position(done);
        bar.set_message(format!("{what}, {under_way} with Apple"));
    }

    pub(crate) fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
