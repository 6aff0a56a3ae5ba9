//! Shows how far a job has got: a bar on a terminal, lines where there is none, nothing for programs.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::answers::Job;
use crate::print;

/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// Shows one job.
pub(crate) enum Progress {
    /// A bar that is drawn over and over.
    Bar(ProgressBar),
    /// Lines, when something changed.
    Lines { last: String, at: Option<Instant> },
    /// Nothing.
    Silent,
}

impl Progress {
    /// What fits where the error stream goes. A program that reads JSON gets no lines.
    pub(crate) fn new(json: bool) -> Self {
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(120));
            return Self::Bar(bar);
        }
        if json { Self::Silent } else { Self::Lines { last: String::new(), at: None } }
    }

    /// Shows the job as it is now.
    pub(crate) fn show(&mut self, job: &Job) {
        let (done, all) = amount(job);
        let text = sentence(job);
        match self {
            Self::Bar(bar) => {
                let template =
                    if all.is_some() { "{spinner} [{bar:30}] {pos}/{len} {msg}" } else { "{spinner} {msg}" };
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style);
                }
                bar.set_length(all.unwrap_or(0));
                bar.set_position(done);
                bar.set_message(text);
            }
            Self::Lines { last, at } => {
                let text = match all {
                    Some(all) => format!("{done}/{all} {text}"),
                    None => text,
                };
                let quiet = at.is_some_and(|at| at.elapsed() < LINE_EVERY);
                if text != *last && !quiet {
                    print::remark(&text);
                    *last = text;
                    *at = Some(Instant::now());
                }
            }
            Self::Silent => {}
        }
    }

    /// Shows that the server cannot be asked at the moment.
    pub(crate) fn trouble(&mut self, text: &str) {
        match self {
            Self::Bar(bar) => bar.set_message(text.to_owned()),
            Self::Lines { .. } => print::remark(text),
            Self::Silent => {}
        }
    }

    /// Clears the bar away.
    pub(crate) fn finish(self) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            Self::Lines { .. } | Self::Silent => {}
        }
    }
}

/// How much is done, and of how much, when that is known.
fn amount(job: &Job) -> (u64, Option<u64>) {
    match &job.sync {
        Some(sync) => (sync.pages_done, sync.pages_total.filter(|total| *total > 0)),
        None => {
            let progress = &job.progress;
            let done = progress.settled + progress.refused + progress.cancelled;
            (done, Some(progress.total).filter(|total| *total > 0))
        }
    }
}

fn sentence(job: &Job) -> String {
    let about = format!("job {} {} {}", job.id, job.kind, job.state);
    if let Some(sync) = &job.sync {
        return format!("{about}, {} licenses read", sync.licenses);
    }
    let progress = &job.progress;
    let counts = [
        (progress.planned, "planned"),
        (progress.sending, "sending"),
        (progress.accepted, "with Apple"),
        (progress.waitlisted, "waiting for a license"),
        (progress.held, "waiting for an approval"),
        (progress.refused, "refused"),
    ];
    let parts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if parts.is_empty() { about } else { format!("{about}: {}", parts.join(", ")) }
}
