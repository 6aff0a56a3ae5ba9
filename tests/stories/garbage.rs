//! Messages that nobody can read.

use russet_tests::{Profile, World, app, eventually, serials};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreadable_message_is_set_aside_and_work_goes_on() {
    let mut world = World::of(Profile::Cluster).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let token = world.token(&location, "north").await;

    // As a later version might write it, as nobody would, and as a broken disk might leave it.
    let garbage = [
        ("sync_token:424242", "1|0|0|\n{\"v\":99,\"token\":424242}"),
        ("sync_token:424243", "1|0|0|\nthis is not JSON"),
        ("apply_changes:424244", "\u{1}\u{2}\u{3}"),
    ];
    for (id, record) in garbage {
        let kind = id.split(':').next().expect("a kind");
        let lane = format!("{{russet}}:due:{kind}:1");
        for command in [
            vec!["HSET", "{russet}:msg", id, record],
            vec!["ZADD", &lane, "1", id],
            vec!["ZADD", "{russet}:next", "1", &lane],
            vec!["LPUSH", "{russet}:wake", "1"],
        ] {
            world.redis().command(&command).expect("Redis takes it");
        }
    }

    let dead = |metrics: &str, kind: &str| {
        let line = format!("russet_queue_messages{{kind=\"{kind}\",place=\"dead\"}} ");
        metrics.lines().find_map(|found| found.strip_prefix(&line)?.parse::<u64>().ok()).unwrap_or(0)
    };
    eventually("the unreadable messages to be set aside", async || {
        let metrics = world.api.send(reqwest::Method::GET, "//metrics", None).await.text;
        match (dead(&metrics, "sync_token"), dead(&metrics, "apply_changes")) {
            (2, 1) => Ok(()),
            seen => Err(format!("{seen:?}")),
        }
    })
    .await;
    let job = world.succeed(&token.assign(&[app(1), app(2)], &serials(0..20), &[])).await;
    assert_eq!(job["progress"]["settled"], 40);
    world.must_agree(&token).await;
    for worker in world.workers() {
        assert!(!worker.has_ended(), "{} ended because of a message", worker.name());
    }
}
