//! However an app and its holders are come upon, the same is decided about them, and what was decided leaves nothing to do.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod common;

use std::collections::BTreeSet;

use common::{NOW, Side, finished, later, location, on_both, send_all, settled};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use russet_domain::{AssetId, DeviceId, PersonId, Timestamp, TokenId};
use russet_store::reconcile::{Plan, look};
use russet_store::{Tx, marks};

const DEVICES: i64 = 14;
const PEOPLE: i64 = 7;
const GROUPS: i64 = 6;
const STEPS: usize = 600;

/// A small town in which anything happens.
struct Town {
    side: Side,
    token: TokenId,
    assets: Vec<AssetId>,
    dice: StdRng,
}

impl Town {
    async fn build(side: Side, seed: u64) -> Self {
        let (token, assets) = location(&side.store, "North", 3).await;
        for id in 1..=DEVICES {
            let platform = if id % 3 == 0 { "macos" } else { "ios" };
            side.run(&format!(
                "INSERT INTO devices (id, serial, platform, state, state_at, created_at, updated_at)
                 VALUES ({id}, 'D{id}', '{platform}', 'enrolled', 0, 0, 0)"
            ))
            .await;
        }
        for id in 1..=PEOPLE {
            side.run(&format!(
                "INSERT INTO people (id, client_user_id, state, state_at, created_at, updated_at)
                 VALUES ({id}, 'p{id}', 'active', 0, 0, 0)"
            ))
            .await;
        }
        for id in 1..=GROUPS {
            let kind = if id % 2 == 0 { "people" } else { "devices" };
            side.run(&format!(
                "INSERT INTO groups (id, name, kind, created_at, updated_at) VALUES ({id}, 'g{id}', '{kind}', 0, 0)"
            ))
            .await;
        }
        Self { side, token, assets, dice: StdRng::seed_from_u64(seed) }
    }

    fn roll(&mut self, max: i64) -> i64 {
        self.dice.random_range(1..=max)
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.dice.random_range(0..all.len())]
    }

    fn asset(&mut self) -> i64 {
        let assets = self.assets.clone();
        self.of(&assets).0
    }

    fn holder(&mut self) -> (char, String) {
        if self.dice.random_bool(0.7) {
            ('d', format!("D{}", self.roll(DEVICES)))
        } else {
            ('u', format!("p{}", self.roll(PEOPLE)))
        }
    }

    /// Something happens, past everything that would mark it.
    async fn happen(&mut self) {
        let text = match self.roll(20) {
            1..=8 => self.membership(),
            9..=11 => self.assignment(),
            12 => format!("DELETE FROM assignments WHERE id = {}", self.roll(40)),
            13 => self.exclusion(),
            14 | 15 => self.standing(),
            16 => {
                let (asset, person) = (self.asset(), self.roll(PEOPLE));
                format!(
                    "INSERT INTO app_requests VALUES ({asset}, 'u', 'p{person}', 'key 1', 0) ON CONFLICT DO NOTHING"
                )
            }
            17 => format!("DELETE FROM app_requests WHERE holder_id = 'p{}'", self.roll(PEOPLE)),
            18 => {
                let (asset, (kind, id)) = (self.asset(), self.holder());
                format!(
                    "INSERT INTO pins VALUES ({asset}, '{kind}', '{id}', 'key 1', 0) ON CONFLICT DO NOTHING"
                )
            }
            _ => self.license(),
        };
        self.side.run(&text).await;
    }

    fn membership(&mut self) -> String {
        let group = self.roll(GROUPS);
        let (kind, member) =
            if group % 2 == 0 { ('p', self.roll(PEOPLE)) } else { ('d', self.roll(DEVICES)) };
        if self.dice.random_bool(0.7) {
            format!(
                "INSERT INTO group_members VALUES ({group}, {member}, '{kind}', 0) ON CONFLICT DO NOTHING"
            )
        } else {
            format!("DELETE FROM group_members WHERE group_id = {group} AND member_id = {member}")
        }
    }

    fn assignment(&mut self) -> String {
        let (asset, group) = (self.asset(), self.roll(GROUPS));
        let intent = self.of(&["required", "required", "required", "available", "uninstall"]);
        let license = self.of(&["device", "device", "user"]);
        let (priority, pinned) = (self.roll(3), self.dice.random_bool(0.1));
        format!(
            "INSERT INTO assignments (token_id, asset_id, group_id, intent, license, priority, pinned, created_by,
                 created_at, updated_at)
             VALUES ({}, {asset}, {group}, '{intent}', '{license}', {priority}, {pinned}, 'key 1', 0, 0)
             ON CONFLICT (asset_id, group_id) DO UPDATE
             SET intent = excluded.intent, license = excluded.license, priority = excluded.priority,
                 pinned = excluded.pinned",
            self.token
        )
    }

    fn exclusion(&mut self) -> String {
        let (assignment, group) = (self.roll(20), self.roll(GROUPS));
        if self.dice.random_bool(0.5) {
            format!("INSERT INTO assignment_exclusions VALUES ({assignment}, {group}) ON CONFLICT DO NOTHING")
        } else {
            "DELETE FROM assignment_exclusions".to_owned()
        }
    }

    fn standing(&mut self) -> String {
        let state = self.of(&["enrolled", "enrolled", "enrolled", "unenrolled", "deleted"]);
        let enrollment =
            self.of(&["NULL", "NULL", "'automated'", "'device'", "'user'", "'account_driven_user'"]);
        let person = self.roll(PEOPLE);
        match self.roll(4) {
            1 => format!("UPDATE people SET state = 'active' WHERE id = {person}"),
            2 => format!("UPDATE people SET state = 'deleted' WHERE id = {person}"),
            _ => format!(
                "UPDATE devices SET state = '{state}', enrollment = {enrollment}, person_id = {person} WHERE id = {}",
                self.roll(DEVICES)
            ),
        }
    }

    /// Somebody else gives a license, or takes one.
    fn license(&mut self) -> String {
        let (asset, (kind, id), held) = (self.asset(), self.holder(), self.dice.random_bool(0.5));
        format!(
            "INSERT INTO licenses VALUES ({asset}, '{kind}', '{id}', {held}, 0, 0)
             ON CONFLICT (asset_id, holder_kind, holder_id) DO UPDATE SET held = excluded.held"
        )
    }

    /// Looks at everybody, or at every app; tells what would move, and keeps it when told so.
    async fn looked(&self, way: Way, keep: bool) -> BTreeSet<String> {
        let mut tx = self.side.store.begin().await.unwrap();
        match way {
            Way::ByHolder => {
                let (devices, people) = ((1..=DEVICES).map(DeviceId), (1..=PEOPLE).map(PersonId));
                marks::mark_devices(&mut tx, &devices.collect::<Vec<_>>(), NOW).await.unwrap();
                marks::mark_people(&mut tx, &people.collect::<Vec<_>>(), NOW).await.unwrap();
            }
            Way::ByApp => marks::mark_assets(&mut tx, &self.assets, NOW).await.unwrap(),
            Way::Whole => drop(marks::mark_token(&mut tx, self.token, NOW).await.unwrap()),
        }
        let moved = drain(&mut tx).await;
        if keep {
            tx.commit().await.unwrap();
        }
        moved
    }

    async fn decided(&self) -> Vec<String> {
        self.side
            .texts(
                "SELECT asset_id || holder_kind || holder_id || ' ' || assignment_id || intent || state || coalesce(reason, '')
                 FROM entitlements ORDER BY 1",
            )
            .await
    }

    async fn settle(&self, now: Timestamp) {
        for (_, changes) in send_all(&self.side.store, self.token, now).await {
            finished(&self.side.store, self.token, &settled(&changes), now).await;
        }
    }
}

#[derive(Clone, Copy)]
enum Way {
    ByHolder,
    ByApp,
    Whole,
}

async fn drain(tx: &mut Tx) -> BTreeSet<String> {
    let mut moved = BTreeSet::new();
    while let Some(plan) = look(tx).await.unwrap() {
        moved.extend(moves_of(&plan));
        plan.write(tx, NOW).await.unwrap();
    }
    moved
}

fn moves_of(plan: &Plan) -> Vec<String> {
    let moves = plan.moves.values();
    moves
        .flat_map(|moves| {
            let assigns = moves.assigns.iter().map(|(wish, _)| format!("+ {} {}", wish.asset, wish.holder));
            let revokes = moves.revokes.iter().chain(&moves.withdrawn);
            assigns.chain(revokes.map(|(wish, left)| format!("- {} {} {left:?}", wish.asset, wish.holder)))
        })
        .collect()
}

#[tokio::test]
async fn the_same_is_decided_however_an_app_and_its_holders_are_come_upon() {
    on_both(|side| async {
        let mut town = Town::build(side, 5).await;
        let mut moved = 0;
        for step in 0..STEPS {
            town.happen().await;
            if step % 3 > 0 {
                continue;
            }
            let by_holder = town.looked(Way::ByHolder, false).await;
            let by_app = town.looked(Way::ByApp, true).await;
            assert_eq!(by_app, by_holder, "step {step}");
            moved += by_app.len();
            let decided = town.decided().await;
            assert_eq!(town.looked(Way::ByHolder, true).await, BTreeSet::new(), "step {step}");
            assert_eq!(town.decided().await, decided, "step {step}");
            if step % 2 == 0 {
                town.settle(later(i64::try_from(step).unwrap())).await;
            }
        }
        assert!(moved > 100, "{moved} licenses moved: too few to show anything");
    })
    .await;
}

#[tokio::test]
async fn what_was_decided_and_came_to_be_leaves_nothing_to_do() {
    on_both(|side| async {
        let mut town = Town::build(side, 7).await;
        for round in 0..40 {
            for _ in 0..5 {
                town.happen().await;
            }
            town.looked(Way::Whole, true).await;
            // What was on its way the other way round is sent after that.
            town.settle(later(round)).await;
            town.settle(later(round)).await;
            town.looked(Way::Whole, true).await;
            town.settle(later(round)).await;
            assert_eq!(town.looked(Way::Whole, false).await, BTreeSet::new(), "round {round}");
        }
    })
    .await;
}
