//! Bad input gets a problem that says what is wrong, and changes nothing.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use russet_tests::{Answer, Api, Profile, Setup, Token, World, app, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(bad_input_gets_its_code_and_changes_nothing, duplicates_in_a_list_are_folded_and_said);

/// What is sent, and what it gets: a status, a code, and words that the sentence has.
struct Case {
    method: Method,
    path: String,
    body: Value,
    status: u16,
    code: &'static str,
    says: &'static str,
}

async fn bad_input_gets_its_code_and_changes_nothing(profile: Profile) {
    let setup = Setup::of(profile).setting("API__BODY_MAX_BYTES", "200000");
    let world = World::start(setup).await;
    let location = world.apple.location("North", 2, 50, 2).await;
    let token = world.token(&location, "north").await;
    let unsynced = world.apple.location("South", 1, 5, 0).await;
    let before = everything(&world.api).await;
    world.apple.forget().await;

    let mut surprises = Vec::new();
    for case in
        token_files().into_iter().chain(uploads(&unsynced.content)).chain(jobs(&token)).chain(others(&token))
    {
        let answer = world.api.send(case.method.clone(), &case.path, Some(&case.body)).await;
        surprises.extend(case.surprise(&answer));
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
    raw_bodies(&world.api).await;
    keys(&world.api).await;
    assert_eq!(everything(&world.api).await, before);
    assert_eq!(world.apple.requests(&token.uid, "total").await, 0, "Apple was bothered with bad input");
    world.must_be_clean().await;
}

impl Case {
    /// What is not as it should be, in a line; nothing when all is.
    fn surprise(&self, answer: &Answer) -> Option<String> {
        let (code, detail) = if answer.status >= 400 { answer.problem() } else { Default::default() };
        let is_sentence = detail.ends_with('.') && detail.len() > 20;
        if answer.status == self.status && code == self.code && detail.contains(self.says) && is_sentence {
            return None;
        }
        let sent: String = self.body.to_string().chars().take(200).collect();
        let Self { method, path, status, code, says, .. } = self;
        Some(format!("{method} {path} {sent}\n    should get {status} {code} saying {says:?}, but {answer}"))
    }
}

/// All that bad input could have changed.
async fn everything(api: &Api) -> Vec<Vec<Value>> {
    let mut tokens = api.list("/tokens").await;
    for token in &mut tokens {
        // That somebody called with a wrong secret is worth a note, and changes nothing.
        token["notifications"]["refused_at"] = Value::Null;
    }
    vec![tokens, api.list("/jobs").await, api.list("/licenses").await]
}

fn encoded(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

fn upload(content: &str) -> Value {
    json!({ "name": "bad", "content": content, "consent": true, "account_type": "business" })
}

fn post(path: &str, body: Value, status: u16, code: &'static str, says: &'static str) -> Case {
    Case { method: Method::POST, path: path.to_owned(), body, status, code, says }
}

fn token_files() -> Vec<Case> {
    let file = |content: &str, code, says| post("/tokens", upload(content), 422, code, says);
    let whole = r#"{"token":"eA==","expDate":"2020-01-02T03:04:05+0000","orgName":"Example"}"#;
    vec![
        file("this is no base64!", "token_not_base64", "base64"),
        file("", "token_not_base64", "base64"),
        file(&encoded("this is no JSON"), "token_not_json", "JSON"),
        file(&encoded("[]"), "token_not_json", "JSON"),
        file(
            &encoded(r#"{"expDate":"2099-01-02T03:04:05+0000","orgName":"E"}"#),
            "token_field_missing",
            "`token`",
        ),
        file(&encoded(r#"{"token":"eA==","orgName":"E"}"#), "token_field_missing", "`expDate`"),
        file(
            &encoded(r#"{"token":"eA==","expDate":"soon","orgName":"E"}"#),
            "token_date_unreadable",
            "expDate",
        ),
        file(
            &encoded(r#"{"token":"eA==","expDate":"2099-13-02T03:04:05+0000","orgName":"E"}"#),
            "token_date_unreadable",
            "expDate",
        ),
        file(&encoded(whole), "token_expired", "2020-01-02"),
        file(&"A".repeat(100_000), "token_too_large", "65536"),
    ]
}

fn uploads(good: &str) -> Vec<Case> {
    let with = |name: &str, value: Value| {
        let mut body = upload(good);
        body[name] = value;
        body
    };
    let wrong = |body, code, says| post("/tokens", body, 422, code, says);
    vec![
        wrong(with("consent", json!(false)), "consent_required", "serial numbers of managed devices"),
        wrong(with("name", json!("")), "invalid_field", "`name`"),
        wrong(with("name", json!("x".repeat(101))), "invalid_field", "`name`"),
        wrong(with("country", json!("Holland")), "invalid_field", "`country`"),
        wrong(with("account_type", json!("private")), "invalid_field", "`account_type`"),
        wrong(with("take_over", json!("yes")), "invalid_field", "`take_over`"),
        wrong(with("colour", json!("red")), "unknown_field", "`colour`"),
        wrong(
            json!({ "name": "bad", "consent": true, "account_type": "business" }),
            "invalid_field",
            "`content`",
        ),
    ]
}

fn jobs(token: &Token) -> Vec<Case> {
    let wrong = |body: Value, code, says| post("/jobs", body, 422, code, says);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut body = token.assign(&[app(1)], &serials(0..2), &[]);
        change(&mut body);
        body
    };
    let pairs = |pairs: Value| json!({ "kind": "assign_license", "token": token.id, "pairs": pairs });
    let many: Vec<Value> =
        (0..400).map(|number| json!({ "adam_id": (1_000 + number).to_string() })).collect();
    vec![
        wrong(json!({ "kind": "dance", "token": token.id }), "invalid_field", "`kind`"),
        wrong(json!({ "token": token.id }), "invalid_field", "`kind`"),
        wrong(changed(&|body| body["token"] = json!(987_654)), "unknown_token", "987654"),
        wrong(changed(&|body| body["token"] = json!("north")), "invalid_field", "`token`"),
        wrong(changed(&|body| body["assets"] = json!([{ "adam_id": "999999999" }])), "unknown_asset", "sync"),
        wrong(changed(&|body| body["assets"] = json!([])), "empty_list", "`assets`"),
        wrong(changed(&|body| body["devices"] = json!([])), "empty_list", "`devices`"),
        wrong(changed(&|body| body["assets"] = json!([{ "adam_id": "12x" }])), "unknown_asset", "sync"),
        wrong(
            changed(&|body| body["assets"] = json!([{ "adam_id": app(1), "pricing_param": "GOLD" }])),
            "unknown_asset",
            "sync",
        ),
        wrong(changed(&|body| body["devices"] = json!(["C0 BLANK"])), "bad_holder", "serial"),
        wrong(changed(&|body| body["devices"] = json!(["C0STORY1", ""])), "bad_holder", "serial"),
        wrong(changed(&|body| body["users"] = json!(["user 1"])), "bad_holder", "user"),
        wrong(changed(&|body| body["users"] = json!(["line\nbreak"])), "bad_holder", "user"),
        wrong(changed(&|body| body["priority"] = json!("urgent")), "invalid_field", "`priority`"),
        wrong(changed(&|body| body["devises"] = json!([])), "unknown_field", "`devises`"),
        wrong(
            changed(&|body| body["pairs"] = json!([{ "adam_id": app(1), "serial": "C0STORY1" }])),
            "pairs_or_lists",
            "`pairs`",
        ),
        wrong(json!({ "kind": "assign_license", "token": token.id }), "nothing_named", ""),
        wrong(json!({ "kind": "revoke_license", "token": token.id }), "nothing_named", ""),
        wrong(
            json!({ "kind": "assign_license", "token": token.id, "assets": [{ "adam_id": app(1) }] }),
            "nothing_named",
            "",
        ),
        wrong(
            json!({ "kind": "assign_license", "token": token.id, "devices": serials(0..2) }),
            "nothing_named",
            "",
        ),
        wrong(pairs(json!([])), "empty_list", "`pairs`"),
        wrong(pairs(json!([{ "adam_id": app(1) }])), "invalid_field", "pairs[0]"),
        wrong(
            pairs(json!([{ "adam_id": app(1), "serial": "C0STORY1", "user": "user-1" }])),
            "invalid_field",
            "pairs[0]",
        ),
        wrong(pairs(json!([{ "adam_id": app(1), "serial": "C0_STORY1" }])), "bad_holder", "serial"),
        wrong(
            json!({ "kind": "assign_license", "token": token.id, "assets": many, "devices": serials(0..300) }),
            "too_many_pairs",
            "120000",
        ),
        wrong(
            json!({ "kind": "sync_token", "token": token.id, "mode": "sideways" }),
            "invalid_field",
            "`mode`",
        ),
        post(
            "/jobs",
            json!({ "kind": "assign_license", "padding": "x".repeat(250_000) }),
            413,
            "body_too_large",
            "200000",
        ),
    ]
}

fn others(token: &Token) -> Vec<Case> {
    let case = |method, path: &str, body, status, code, says| Case {
        method,
        path: path.to_owned(),
        body,
        status,
        code,
        says,
    };
    let this = format!("/tokens/{}", token.id);
    vec![
        case(Method::GET, "/tokens/987654", json!({}), 404, "no_such_token", "987654"),
        case(Method::GET, "/jobs/987654", json!({}), 404, "no_such_job", "987654"),
        case(Method::POST, "/jobs/987654/cancel", json!({}), 404, "no_such_job", "987654"),
        case(Method::GET, "/nowhere", json!({}), 404, "no_such_route", "openapi"),
        case(Method::PUT, "/jobs", json!({}), 405, "method_not_allowed", "Allow"),
        case(Method::GET, "/jobs?limit=1001", json!({}), 400, "invalid_query", "1000"),
        case(Method::GET, "/jobs?limit=0", json!({}), 400, "invalid_query", "1000"),
        case(Method::GET, "/jobs?cursor=nonsense", json!({}), 400, "invalid_cursor", "cursor"),
        case(Method::GET, "/jobs?colour=red", json!({}), 400, "invalid_query", "colour"),
        case(Method::GET, "/jobs?state=happy", json!({}), 400, "invalid_query", "state"),
        case(Method::PATCH, &this, json!({ "name": "" }), 422, "invalid_field", "`name`"),
        case(Method::PATCH, &this, json!({ "state": "valid" }), 422, "unknown_field", "`state`"),
        case(Method::DELETE, &this, json!({}), 422, "choose_licenses", "revoke_first"),
        case(
            Method::DELETE,
            &format!("{this}?licenses=burn"),
            json!({}),
            422,
            "choose_licenses",
            "revoke_first",
        ),
        case(
            Method::PUT,
            &format!("{this}/content"),
            json!({ "content": "no base64!" }),
            422,
            "token_not_base64",
            "base64",
        ),
        case(
            Method::POST,
            &format!("/apple/notifications/{}", token.id),
            json!({}),
            401,
            "notification_secret_wrong",
            "secret",
        ),
    ]
}

/// What no JSON body of ours can say.
async fn raw_bodies(api: &Api) {
    let cases = [
        ("application/json", "{\"kind\":", 400, "body_not_json"),
        ("application/json", "", 400, "body_not_json"),
        ("application/json", "\u{0}\u{1}", 400, "body_not_json"),
        ("application/x-www-form-urlencoded", "kind=sync_token", 415, "wrong_content_type"),
    ];
    for (kind, body, status, code) in cases {
        let request = api.request(Method::POST, "/jobs").header("content-type", kind).body(body);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{body:?}");
        let text = answer.text().await.expect("a body");
        let problem: Value = serde_json::from_str(&text).expect("a problem");
        assert_eq!(problem["code"], code, "{text}");
    }
}

/// Keys that open nothing.
async fn keys(api: &Api) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let bare = client.get(format!("{}/api/v1/jobs", api.url())).send().await.expect("an answer");
    assert_eq!(bare.status(), 401);
    assert!(bare.text().await.expect("a body").contains("key_missing"));
    for key in ["rsk_nobody_knows_this_one", "", "x"] {
        let answer = api.with_key(key).send(Method::GET, "/jobs", None).await;
        assert_eq!(answer.status, 401, "{answer}");
    }
}

async fn duplicates_in_a_list_are_folded_and_said(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 50, 2).await;
    let token = world.token(&location, "north").await;
    let mut devices = serials(0..5);
    devices.extend(serials(2..5));

    let ended = world.succeed(&token.assign(&[app(1), app(1)], &devices, &[])).await;
    assert_eq!(ended["progress"]["total"], 5, "{ended}");
    let notes = ended["notes"].to_string();
    assert!(notes.contains('3') && notes.contains("serial number"), "{ended}");
    assert_eq!(world.must_agree(&token).await.len(), 5);
    world.must_be_clean().await;
}
