//! Who leads, and that only one does.

use std::time::Duration;

use super::on_both;
use super::support::Place;

const TTL: Duration = Duration::from_secs(10);

async fn one_leads_until_it_stops_renewing_or_gives_up(place: Place) {
    let queue = place.queue().await;
    let short = Duration::from_millis(150);
    let first = queue.lead("schedule", "a", short).await.unwrap().expect("nobody leads yet");
    assert_eq!(queue.lead("schedule", "b", TTL).await.unwrap(), None);
    assert_eq!(
        queue.lead("schedule", "a", short).await.unwrap().as_ref(),
        Some(&first),
        "renewing keeps the term"
    );
    assert!(queue.lead("other", "b", TTL).await.unwrap().is_some(), "roles are independent");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let second = queue.lead("schedule", "b", TTL).await.unwrap().expect("the first let it run out");
    assert!(second.fence > first.fence);
    queue.release(&first).await.unwrap();
    assert_eq!(queue.lead("schedule", "a", TTL).await.unwrap(), None, "an old term gives nothing up");
    queue.release(&second).await.unwrap();
    assert!(queue.lead("schedule", "a", TTL).await.unwrap().expect("it was given up").fence > second.fence);
}

on_both!(one_leads_until_it_stops_renewing_or_gives_up);
