//! Books go to users, and never come back.

use russet_tests::{Profile, World, app, on_both_profiles, serials, users};
use serde_json::json;

const BOOK: &str = "600000001";

on_both_profiles!(
    a_book_goes_to_a_user_and_is_never_taken_back,
    taking_back_all_that_somebody_holds_names_the_books_that_stay,
);

async fn a_book_goes_to_a_user_and_is_never_taken_back(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 50, 5).await;
    let book = json!({ "adam_id": BOOK, "product_type": "Book", "total": 50, "supported_platforms": ["iOS", "macOS"] });
    world.apple.put_assets(&location.uid, &json!([book])).await;
    let token = world.token(&location, "north").await;
    let books = [BOOK.to_owned()];

    let ended = world.succeed(&token.assign(&books, &[], &users(1..4))).await;
    assert!(ended["notes"].to_string().contains("stays_for_ever"), "{ended}");
    assert_eq!(world.must_agree(&token).await.len(), 3);
    world.apple.forget().await;

    // To a device: refused before Apple does, with the rule.
    let answer = world.api.post("/jobs", &token.assign(&books, &serials(0..3), &[])).await;
    assert_eq!(answer.status, 422, "{answer}");
    let (code, detail) = answer.problem();
    assert_eq!(code, "book_to_device");
    assert!(detail.contains("S-25"), "{detail}");
    assert_eq!(answer.json()["errors"].as_array().map(Vec::len), Some(3), "{answer}");

    // Back: from these users, and from all who hold it.
    for job in [token.revoke(&books, &[], &users(1..3)), token.revoke(&books, &[], &[])] {
        let (code, detail) = world.api.post("/jobs", &job).await.problem();
        assert_eq!(code, "not_revocable");
        assert!(detail.contains("N-30"), "{detail}");
    }
    let ledger = world.apple.ledger().await;
    assert_eq!(
        (&ledger["requests"]["associate"], &ledger["requests"]["disassociate"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(world.must_agree(&token).await.len(), 3);

    // Beside an app, the rest goes on.
    let mut both = books.to_vec();
    both.push(app(1));
    let id = world.submit(&token.assign(&both, &serials(0..2), &[])).await;
    let ended = world.end_of(id).await;
    assert_eq!(
        (&ended["progress"]["settled"], &ended["progress"]["refused"]),
        (&json!(2), &json!(2)),
        "{ended}"
    );
    assert!(ended["notes"].to_string().contains("book_to_device"), "{ended}");
    world.must_be_clean().await;
}

async fn taking_back_all_that_somebody_holds_names_the_books_that_stay(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 50, 5).await;
    let book = json!({ "adam_id": BOOK, "product_type": "Book", "total": 50 });
    world.apple.put_assets(&location.uid, &json!([book])).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[BOOK.to_owned(), app(1), app(2)], &[], &users(1..4))).await;

    let ended = world.succeed(&token.revoke(&[], &[], &users(1..3))).await;
    assert_eq!(ended["progress"]["total"], 4, "{ended}");
    let notes = ended["notes"].to_string();
    assert!(notes.contains("2 licenses were left out") && notes.contains(BOOK), "{notes}");
    let held = world.must_agree(&token).await;
    assert_eq!(held.len(), 3 + 2);
    assert_eq!(held.iter().filter(|(asset, _)| asset == BOOK).count(), 3);

    // With nothing but books left, nothing is to be done, and it is said why.
    let ended = world.succeed(&token.revoke(&[], &[], &users(1..3))).await;
    assert_eq!(ended["progress"]["total"], 0, "{ended}");
    assert!(ended["notes"].to_string().contains("can never be taken back"), "{ended}");
    world.must_be_clean().await;
}
