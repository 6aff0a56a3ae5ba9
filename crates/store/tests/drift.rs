//! Every class of drift finds its own cases and no others, and mending one leaves nothing of it.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::*;
use russet_domain::drift::Class;
use russet_domain::job::JobKind;
use russet_domain::{AssetId, Holder, TokenId};
use russet_store::drift::{self, By, Count};
use russet_store::jobs::{self, Origin};
use russet_store::{Store, tokens};

/// A location of two apps and a book that cannot be taken back, with devices D1 to D9 and people p1 to p3.
struct School {
    side: Side,
    token: TokenId,
    assets: Vec<AssetId>,
}

fn of(name: &str) -> Holder {
    if name.starts_with('D') { Holder::Device(name.to_owned()) } else { Holder::User(name.to_owned()) }
}

fn kind(name: &str) -> char {
    if name.starts_with('D') { 'd' } else { 'u' }
}

impl School {
    async fn build(side: Side) -> Self {
        let (token, assets) = location(&side.store, "North", 3).await;
        side.run(&format!("UPDATE assets SET revocable = false WHERE id = {}", assets[2].0)).await;
        for id in 1..=9 {
            side.run(&format!(
                "INSERT INTO devices (id, serial, platform, state, state_at, created_at, updated_at)
                 VALUES ({id}, 'D{id}', 'ios', 'enrolled', 0, 0, 0)"
            ))
            .await;
        }
        for id in 1..=3 {
            side.run(&format!(
                "INSERT INTO people (id, client_user_id, state, state_at, created_at, updated_at)
                 VALUES ({id}, 'p{id}', 'active', 0, 0, 0)"
            ))
            .await;
        }
        Self { side, token, assets }
    }

    /// Apple has it, whoever gave it.
    async fn holds(&self, asset: usize, name: &str) {
        let (asset, kind) = (self.assets[asset].0, kind(name));
        self.side
            .run(&format!("INSERT INTO licenses VALUES ({asset}, '{kind}', '{name}', true, 0, 1)"))
            .await;
    }

    /// An assignment decided about it.
    async fn decided(&self, asset: usize, name: &str, reason: Option<&str>) {
        let (asset, kind) = (self.assets[asset].0, kind(name));
        let state = if reason.is_some() { "left" } else { "wanted" };
        let reason = reason.map_or("NULL".to_owned(), |reason| format!("'{reason}'"));
        self.side
            .run(&format!(
                "INSERT INTO entitlements
                     (asset_id, holder_kind, holder_id, assignment_id, intent, pinned, state, reason, since)
                 VALUES ({asset}, '{kind}', '{name}', 1, 'required', false, '{state}', {reason}, 0)"
            ))
            .await;
    }

    async fn tally(&self, class: Class) -> Count {
        let mut db = self.side.store.snapshot().await.unwrap();
        drift::tally(&mut db, self.token, class, later(3_700_000)).await.unwrap()
    }

    /// Holders and details of a class, read in pages of one; those that can be mended are marked with a star.
    async fn found(&self, class: Class) -> Vec<String> {
        let mut db = self.side.store.read().await.unwrap();
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let asked = (self.token, class);
            let page = drift::list(&mut db, asked, false, 1, after.as_ref(), later(3_700_000)).await.unwrap();
            let Some(row) = page.into_iter().next() else { break };
            let star = if row.can_fix { "*" } else { "" };
            all.push(format!("{} {}{star}", row.holder.id(), row.detail.as_deref().unwrap_or("-")));
            after = Some((row.asset, row.holder));
        }
        let tally = self.tally(class).await;
        let starred = all.iter().filter(|text| text.ends_with('*')).count();
        assert_eq!((tally.all, tally.can_fix), (all.len() as u64, starred as u64), "{all:?}");
        all
    }

    async fn fix(&self, class: Class) -> drift::Fixed {
        let mut tx = self.side.store.begin().await.unwrap();
        tokens::lock(&mut tx, self.token).await.unwrap();
        let by = By { origin: Origin::Drift, key: None };
        let fixed = drift::fix(&mut tx, self.token, class, by, NOW).await.unwrap();
        tx.commit().await.unwrap();
        fixed
    }
}

async fn settle(store: &Store, token: TokenId) {
    for (_, changes) in send_all(store, token, NOW).await {
        finished(store, token, &settled(&changes), NOW).await;
    }
}

#[tokio::test]
async fn what_assignments_want_and_do_not_get_is_missing_and_what_they_gave_and_want_no_more_is_surplus() {
    on_both(|side| async move {
        let school = School::build(side).await;
        school.decided(0, "D1", None).await;
        school.holds(0, "D1").await;
        school.decided(0, "D2", None).await;
        school.decided(0, "D3", Some("left_group")).await;
        school.holds(0, "D3").await;
        // The policy keeps what unenrolled devices have.
        school.decided(0, "D4", Some("unenrolled")).await;
        school.holds(0, "D4").await;
        // Pinned, it is nobody's to take.
        school.decided(0, "D5", Some("unassigned")).await;
        school.holds(0, "D5").await;
        let pinned = school.assets[0].0;
        school.side.run(&format!("INSERT INTO pins VALUES ({pinned}, 'd', 'D5', 'key 1', 0)")).await;
        assert_eq!(school.found(Class::Missing).await, ["D2 -*"]);
        assert_eq!(school.found(Class::Surplus).await, ["D3 left_group*"]);

        school.side.run("INSERT INTO token_policies VALUES (1, 'on_leave_ios', 'keep')").await;
        assert_eq!(school.found(Class::Surplus).await, [""; 0]);
        school.side.run("UPDATE token_policies SET name = 'on_unenroll', value = 'free'").await;
        assert_eq!(school.found(Class::Surplus).await, ["D3 left_group*", "D4 unenrolled*"]);

        let given = school.fix(Class::Missing).await;
        assert_eq!((given.licenses, given.jobs.len(), given.complete), (1, 1, true));
        let taken = school.fix(Class::Surplus).await;
        assert_eq!((taken.licenses, taken.jobs.len()), (2, 1));
        // What is on its way is in no class.
        assert_eq!(school.found(Class::Missing).await, [""; 0]);
        assert_eq!(school.found(Class::Surplus).await, [""; 0]);
        assert_eq!(school.fix(Class::Surplus).await, drift::Fixed { complete: true, ..Default::default() });
        let mut db = school.side.store.read().await.unwrap();
        let job = jobs::find(&mut db, taken.jobs[0]).await.unwrap().unwrap();
        assert_eq!((job.kind, job.origin), (JobKind::RevokeLicense, Origin::Drift));
        drop(db);
        settle(&school.side.store, school.token).await;
        assert_eq!(school.found(Class::Missing).await, [""; 0]);
        assert_eq!(school.found(Class::Foreign).await, [""; 0], "what was given here is not foreign");
    })
    .await;
}

#[tokio::test]
async fn n_16_what_nothing_here_gave_is_foreign_until_a_job_asks_for_it_and_again_once_a_job_took_it_back() {
    on_both(|side| async move {
        let school = School::build(side).await;
        let store = &school.side.store;
        school.holds(0, "D1").await;
        school.holds(0, "p1").await;
        school.holds(2, "D1").await;
        assert_eq!(school.found(Class::Foreign).await, ["D1 -*", "p1 -*", "D1 -"]);
        // Asked for, it is ours, though nothing had to be sent.
        submitted(store, JobKind::AssignLicense, school.token, wishes(&school.assets[..1], &[of("D1")]))
            .await;
        assert_eq!(school.found(Class::Foreign).await, ["p1 -*", "D1 -"]);
        submitted(store, JobKind::RevokeLicense, school.token, wishes(&school.assets[..1], &[of("D1")]))
            .await;
        settle(store, school.token).await;
        let asset = school.assets[0].0;
        school.side.run(&format!("UPDATE licenses SET held = true WHERE asset_id = {asset}")).await;
        assert_eq!(school.found(Class::Foreign).await, ["D1 -*", "p1 -*", "D1 -"]);
    })
    .await;
}

#[tokio::test]
async fn n_16_orphans_are_those_whom_a_directory_that_knows_anybody_does_not_know() {
    on_both(|side| async move {
        let school = School::build(side).await;
        school.holds(0, "D1").await;
        school.holds(0, "D77").await;
        school.holds(1, "D2").await;
        school.holds(2, "D2").await;
        school.holds(1, "p9").await;
        school.side.run("UPDATE devices SET state = 'deleted' WHERE serial = 'D2'").await;
        let all = ["D77 unknown*", "D2 deleted*", "p9 unknown*", "D2 deleted"];
        assert_eq!(school.found(Class::Orphan).await, all);
        // Of those that never come back, only what should is told.
        assert_eq!(school.found(Class::Irrevocable).await, ["D2 deleted"]);
        school.side.run("DELETE FROM people").await;
        assert_eq!(school.found(Class::Orphan).await, ["D77 unknown*", "D2 deleted*", "D2 deleted"]);
        assert_eq!(school.fix(Class::Orphan).await.licenses, 2);
        settle(&school.side.store, school.token).await;
        assert_eq!(school.found(Class::Orphan).await, ["D2 deleted"]);
        school.side.run("DELETE FROM devices").await;
        assert_eq!(school.found(Class::Orphan).await, [""; 0], "it knows nobody");
    })
    .await;
}

#[tokio::test]
async fn n_4_a_persons_license_is_too_much_where_every_device_of_his_has_one() {
    on_both(|side| async move {
        let school = School::build(side).await;
        school.side.run("UPDATE devices SET person_id = 1 WHERE serial IN ('D1', 'D2')").await;
        school.side.run("UPDATE devices SET person_id = 2 WHERE serial = 'D3'").await;
        school.holds(0, "p1").await;
        school.holds(0, "D2").await;
        school.holds(1, "p2").await;
        school.holds(0, "D3").await;
        school.holds(0, "p3").await;
        // The person's other device has the app by the person's license alone.
        assert_eq!(school.found(Class::Double).await, ["p1 D2"]);
        school.holds(0, "D1").await;
        assert_eq!(school.found(Class::Double).await, ["p1 D1*"]);
        // An assignment that wants both has to be changed first.
        school.decided(0, "p1", None).await;
        assert_eq!(school.found(Class::Double).await, ["p1 D1"]);
    })
    .await;
}

#[tokio::test]
async fn devices_that_were_not_seen_for_long_are_told_and_may_lose_their_licenses_two_weeks_later() {
    on_both(|side| async move {
        let school = School::build(side).await;
        let day = 86_400_000_i64;
        for (name, days) in [("D1", 29), ("D2", 31), ("D3", 50)] {
            let seen = later(3_700_000).0 - days * day;
            school
                .side
                .run(&format!("UPDATE devices SET last_seen_at = {seen} WHERE serial = '{name}'"))
                .await;
            school.holds(0, name).await;
        }
        school.holds(0, "D4").await;
        assert_eq!(school.found(Class::Idle).await, [""; 0], "nobody said after how many days");
        school.side.run("INSERT INTO token_policies VALUES (1, 'idle_days', '30')").await;
        let (two, three) = (later(3_700_000).0 - 31 * day, later(3_700_000).0 - 50 * day);
        assert_eq!(school.found(Class::Idle).await, [format!("D2 {two}"), format!("D3 {three}*")]);
        // What an assignment wants would only be given again.
        school.decided(0, "D3", None).await;
        assert_eq!(school.found(Class::Idle).await, [format!("D2 {two}"), format!("D3 {three}")]);
    })
    .await;
}

#[tokio::test]
async fn devices_that_report_their_apps_without_this_one_are_told_and_may_lose_their_licenses_two_weeks_later()
 {
    on_both(|side| async move {
        let school = School::build(side).await;
        let day = 86_400_000_i64;
        let now = later(3_700_000).0;
        school
            .side
            .run(
                "INSERT INTO apps (adam_id, country, language, state, state_since, bundle_id, first_seen_at, looked_at)
                 SELECT adam_id, 'de', 'en', 'offered', 0, 'org.app' || id, 0, 0 FROM assets",
            )
            .await;
        school.side.run("INSERT INTO token_policies VALUES (1, 'idle_days', '30')").await;
        school.side.run(&format!("UPDATE tokens SET history_since = {}", now - 300 * day)).await;
        // Given so many days before it told its apps, today.
        let given = [("D1", 29), ("D2", 31), ("D3", 50), ("D4", 50), ("D5", 50), ("D6", 50), ("D7", 50), ("D8", 50)];
        for (name, days) in given {
            school.holds(0, name).await;
            school
                .side
                .run(&format!("UPDATE licenses SET moved_at = {} WHERE holder_id = '{name}'", now - days * day))
                .await;
            school
                .side
                .run(&format!(
                    "UPDATE devices SET last_seen_at = {now}, apps_told_at = {now} WHERE serial = '{name}'"
                ))
                .await;
        }
        let asset = school.assets[0].0;
        // D4 has it, D5 is about to get it, D6 had it until last week, D7 is enrolled since yesterday.
        for text in [
            format!("INSERT INTO device_apps VALUES (4, 'org.app{asset}', 1, '1', 'Managed', {now}, false)"),
            format!("INSERT INTO device_apps VALUES (3, 'org.other', 1, '1', 'Managed', {now}, false)"),
            format!(
                "INSERT INTO installs (token_id, asset_id, device_id, state, created_at, updated_at)
                 VALUES (1, {asset}, 5, 'sent', 0, 0)"
            ),
            format!("INSERT INTO device_apps_gone VALUES (6, 'org.app{asset}', {})", now - 7 * day),
            format!("UPDATE devices SET state_at = {} WHERE serial = 'D7'", now - day),
            // D8's was found at Apple, and it is known since when.
            "UPDATE licenses SET moved_at = 0 WHERE holder_id = 'D8'".to_owned(),
            format!(
                "INSERT INTO movements (at, token_id, asset_id, adam_id, pricing_param, holder_kind, holder_id, gained, cause)
                 VALUES ({}, 1, {asset}, '1', 'STDQ', 'd', 'D8', true, 'found')",
                now - 10 * day
            ),
        ] {
            school.side.run(&text).await;
        }
        let told = format!("without_app {now}");
        assert_eq!(school.found(Class::Idle).await, [format!("D2 {told}"), format!("D3 {told}*")]);
        // What no store knows by a name cannot be looked for.
        school.side.run("UPDATE apps SET bundle_id = NULL").await;
        assert_eq!(school.found(Class::Idle).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn s_47_since_when_an_app_is_gone_is_noted_when_the_device_tells_its_apps() {
    on_both(|side| async move {
        use russet_store::device_apps::{DeviceApp, replace};
        let school = School::build(side).await;
        let app = |bundle: &str| DeviceApp {
            device: russet_domain::DeviceId(1),
            bundle_id: bundle.to_owned(),
            version: Some(1),
            shown: None,
            status: "Managed".to_owned(),
            reported_at: NOW,
        };
        for (at, apps) in
            [(0, vec![app("org.a"), app("org.b")]), (5, vec![app("org.a")]), (9, vec![app("org.a")])]
        {
            let mut tx = school.side.store.begin().await.unwrap();
            replace(&mut tx, &[russet_domain::DeviceId(1)], &apps, later(at)).await.unwrap();
            tx.commit().await.unwrap();
        }
        let gone = school.side.number("SELECT gone_at FROM device_apps_gone WHERE bundle_id = 'org.b'").await;
        assert_eq!(gone, later(5).0);
        assert_eq!(school.side.number("SELECT count(*) FROM device_apps_gone").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_request_without_an_outcome_is_stuck_after_an_hour() {
    on_both(|side| async move {
        let school = School::build(side).await;
        let store = &school.side.store;
        submitted(store, JobKind::AssignLicense, school.token, wishes(&school.assets[..1], &[of("D1")]))
            .await;
        let sent = send_all(store, school.token, NOW).await;
        assert_eq!(school.found(Class::Stuck).await, [format!("D1 event-{}", sent[0].0)]);
        school.side.run(&format!("UPDATE requests SET accepted_at = {}", later(1_000_000).0)).await;
        assert_eq!(school.found(Class::Stuck).await, [""; 0]);
        assert_eq!(school.fix(Class::Stuck).await.licenses, 0);
    })
    .await;
}
