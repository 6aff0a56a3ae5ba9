//! Looks at the queue.

use russet_config::Settings;
use russet_queue::Queue;

use super::Finding;
use crate::error::chain;

pub(super) async fn open(settings: &Settings) -> (Vec<Finding>, Option<Queue>) {
    if settings.queue_is_in_process() {
        let detail = "in the process of `russet serve`; nothing else can share it";
        return (vec![Finding::ok("queue", detail)], None);
    }
    let opened = match Queue::open(&settings.queue).await {
        Ok(queue) => queue.ping().await.map(|()| queue),
        Err(error) => Err(error),
    };
    match opened {
        Ok(queue) => (vec![depths(&queue).await], Some(queue)),
        Err(error) => (vec![Finding::fail("queue", chain(&error), "")], None),
    }
}

async fn depths(queue: &Queue) -> Finding {
    match queue.depths().await {
        Ok(depths) => {
            let waiting: u64 = depths.iter().map(|depth| depth.waiting).sum();
            let dead: u64 = depths.iter().map(|depth| depth.dead).sum();
            if dead > 0 {
                return Finding::warn(
                    "queue",
                    format!("answers; {dead} messages are dead"),
                    "look at the workers' log",
                );
            }
            Finding::ok("queue", format!("answers; {waiting} messages wait"))
        }
        Err(error) => Finding::fail("queue", chain(&error), ""),
    }
}
