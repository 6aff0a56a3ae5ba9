//! What is used, free and waited for, and what to buy.

use reqwest::Method;
use russet_tests::{Profile, Token, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(who_waits_is_bought_for_or_served_from_another_location,);

async fn supply(world: &World, token: &Token, more: &str) -> Vec<Value> {
    world.api.list(&format!("/tokens/{}/supply?{more}", token.id)).await
}

async fn who_waits_is_bought_for_or_served_from_another_location(profile: Profile) {
    let world = World::of(profile).await;
    let north = world.apple.location("North", 2, 10, 0).await;
    let token = world.token(&north, "north").await;
    let south = world.apple.location("South", 2, 10, 0).await;
    let other = world.token(&south, "south").await;
    world.succeed(&other.assign(&[app(1)], &serials(50..57), &[])).await;
    let mut wish = token.assign(&[app(1)], &serials(0..14), &[]);
    wish["if_none_free"] = json!("wait");
    let _ = world.api.post("/jobs", &wish).await.with(202);
    let row = eventually("four to wait", async || {
        let rows = supply(&world, &token, "to_buy=true").await;
        match &rows[..] {
            [row] if row["waiting"] == 4 => Ok(row.clone()),
            _ => Err(format!("{rows:?}")),
        }
    })
    .await;
    assert_eq!((&row["adam_id"], &row["to_buy"]), (&json!(app(1)), &json!(4)), "{row}");
    assert_eq!(row["alerts"], json!(["running_low", "waiting"]), "{row}");
    assert_eq!(
        (&row["a_day"], &row["days_left"]),
        (&Value::Null, &Value::Null),
        "its history is too young: {row}"
    );
    world.counts_agree(&other).await;
    let row = supply(&world, &token, "to_buy=true").await.remove(0);
    assert_eq!(row["elsewhere"], json!([{ "token": other.id, "token_name": "south", "free": 3 }]), "{row}");
    let bound = world.another_key("north", &["--role", "viewer", "--token", &token.id.to_string()]);
    let seen = bound.list(&format!("/tokens/{}/supply?to_buy=true", token.id)).await;
    assert_eq!(seen[0]["elsewhere"], json!([]), "a key for one token knows of no other: {seen:?}");

    // New devices are to come.
    let rows = supply(&world, &token, "more=20&to_buy=true").await;
    let buys: Vec<&Value> = rows.iter().map(|row| &row["to_buy"]).collect();
    assert_eq!(buys, [&json!(24), &json!(10)]);
    let csv = world.command(&["supply", "--token", "north", "--to-buy", "--csv"]).good().to_owned();
    let mut lines = csv.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("token,location,adam_id")), "{csv}");
    assert!(lines.next().is_some_and(|line| line.contains(&app(1)) && line.contains("3 at south")), "{csv}");
    let path = format!("/tokens/{}/supply?days=0", token.id);
    assert_eq!(world.api.send(Method::GET, &path, None).await.problem().0, "invalid_query");

    // Bought, they are served and nothing is left to buy.
    world.apple.buy(&token.uid, &app(1), 4).await;
    eventually("nothing to be left to buy", async || {
        let rows = supply(&world, &token, "to_buy=true").await;
        if rows.is_empty() { Ok(()) } else { Err(format!("{rows:?}")) }
    })
    .await;
    world.must_be_clean().await;
}
