//! The life of changes in the database, from the wish to the end.

mod common;

use common::*;

use russet_domain::job::{JobKind, JobState, Progress};

use russet_store::submit::IntakeCounts;
use russet_store::{assets, jobs, licenses};

#[tokio::test]
async fn a_wish_becomes_a_license_that_is_counted_and_listed() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 2).await;
        let given =
            submitted(store, JobKind::AssignLicense, token, wishes(&apps, &[device(1), user(1)])).await;
        assert_eq!(given.counts, IntakeCounts { planned: 4, ..IntakeCounts::default() });
        assert_eq!(given.state, JobState::Queued);

        let sent = send_all(store, token, NOW).await;
        let mut db = store.read().await.unwrap();
        let progress = jobs::progress(&mut db, given.job).await.unwrap();
        assert_eq!(progress, Progress { accepted: 4, ..Progress::default() });
        assert_eq!(jobs::find(&mut db, given.job).await.unwrap().unwrap().state, JobState::Running);

        let done = finished(store, token, &settled(&sent[0].1), later(5)).await;
        assert_eq!(done.closed_requests, vec![sent[0].0]);
        assert_eq!(done.ended_jobs, vec![given.job]);
        let job = jobs::find(&mut db, given.job).await.unwrap().unwrap();
        assert_eq!((job.state, job.ended_at), (JobState::Succeeded, Some(later(5))));
        let held = licenses::list(&mut db, &licenses::Filter::default(), 10, None).await.unwrap();
        assert_eq!(held.len(), 4);
        let asset = assets::find(&mut db, apps[0]).await.unwrap().unwrap().asset;
        assert_eq!((asset.assigned, asset.supply.free()), (2, 999_998));
    })
    .await;
}
