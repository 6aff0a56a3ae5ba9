//! Looks at the queue, and at what keeps its messages from running.

use russet_config::Settings;
use russet_queue::{AnyJob, Depth, Queue, QueueError, SeenWorker};

use super::Finding;
use crate::error::chain;

pub(super) async fn open(settings: &Settings) -> (Vec<Finding>, Option<Queue>) {
    if settings.queue_is_in_process() {
        let detail = "in the process of `russet serve`; `russet queue list` looks into it";
        return (vec![Finding::ok("queue", detail)], None);
    }
    match look(settings).await {
        Ok((queue, depths, workers)) => (findings(&depths, &workers), Some(queue)),
        Err(error) => (vec![Finding::fail("queue", chain(&error), "")], None),
    }
}

async fn look(settings: &Settings) -> Result<(Queue, Vec<Depth>, Vec<SeenWorker>), QueueError> {
    let queue = Queue::open(&settings.queue).await?;
    let (depths, workers) = (queue.depths().await?, queue.workers().await?);
    Ok((queue, depths, workers))
}

/// That the queue answers, and a line for each thing that keeps messages from running.
fn findings(depths: &[Depth], workers: &[SeenWorker]) -> Vec<Finding> {
    let waiting: u64 = depths.iter().map(|depth| depth.waiting).sum();
    let mut found = vec![Finding::ok("queue", format!("answers; {waiting} messages wait"))];
    for depth in depths.iter().filter(|depth| depth.paused) {
        let detail = format!("{} is paused and {} of it wait", depth.kind, depth.waiting);
        found.push(Finding::warn("queue", detail, format!("`russet queue resume {}`", depth.kind)));
    }
    if workers.is_empty() {
        found.push(Finding::warn("queue", "no worker was heard of lately", "start `russet worker`"));
    } else {
        let taken = |kind: &str| workers.iter().any(|worker| worker.kinds.iter().any(|known| known == kind));
        // A kind of an older program that nothing is left of needs nobody.
        let needed = |depth: &&Depth| depth.waiting > 0 || AnyJob::KINDS.contains(&depth.kind.as_str());
        for depth in depths.iter().filter(needed).filter(|depth| !taken(&depth.kind)) {
            let detail = format!("no worker takes {} and {} of it wait", depth.kind, depth.waiting);
            found.push(Finding::warn("queue", detail, "start a `russet worker` of this version"));
        }
    }
    for depth in depths.iter().filter(|depth| depth.dead > 0) {
        let detail = format!("{} of {} are dead", depth.dead, depth.kind);
        let advice = format!(
            "`russet queue dead --kind {0}` says why, `russet queue retry --kind {0}` tries again",
            depth.kind
        );
        found.push(Finding::warn("queue", detail, advice));
    }
    found
}

#[cfg(test)]
mod tests {
    use russet_domain::Timestamp;

    use super::*;

    fn depth(kind: &str) -> Depth {
        Depth {
            kind: kind.to_owned(),
            waiting: 2,
            due: 2,
            delayed: 0,
            running: 0,
            dead: 0,
            oldest_age_ms: None,
            paused: false,
        }
    }

    fn said(depths: &[Depth], workers: &[SeenWorker]) -> Vec<String> {
        findings(depths, workers).into_iter().map(|finding| finding.detail).collect()
    }

    fn worker(kinds: &[&str]) -> SeenWorker {
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        SeenWorker { name: "w".to_owned(), kinds, seen_at: Timestamp(0) }
    }

    #[test]
    fn what_keeps_messages_from_running_is_said_a_line_each() {
        let paused = Depth { paused: true, ..depth("sweep") };
        let dead = Depth { dead: 3, ..depth("sync_token") };
        let said = said(&[paused, dead], &[worker(&["sweep"])]);
        let wanted = [
            "answers; 4 messages wait",
            "sweep is paused and 2 of it wait",
            "no worker takes sync_token and 2 of it wait",
            "3 of sync_token are dead",
        ];
        assert_eq!(said, wanted);
    }

    #[test]
    fn no_worker_at_all_is_one_line() {
        let said = said(&[depth("sweep"), depth("sync_token")], &[]);
        assert_eq!(said, ["answers; 4 messages wait", "no worker was heard of lately"]);
    }
}
