//! The same over PostgreSQL, once around: the endpoints never learn which database it is.

use reqwest::Method;
use russet_services::{Services, Wanted};
use serde_json::json;

use crate::harness::{Server, send, token_file, upload};

#[tokio::test]
async fn a_token_and_a_job_go_the_same_way_over_postgresql() {
    let services = Services::find(&Wanted { postgres: true, redis: false }).unwrap();
    let database = services.new_database().unwrap();
    let server = Server::start_on(tempfile::tempdir().unwrap(), database.url().to_owned(), |_| {}).await;
    let token = server.location("Lab", 2).await;
    assert_eq!(
        server.post("/api/v1/tokens", &upload("Lab")).await.problem(),
        (409, "token_already_uploaded")
    );
    let body = json!({"kind":"assign_license","token":token.0,"assets":[{"adam_id":"500000000"},{"adam_id":"500000001"}],
        "devices":["A","B"],"users":["u1"]});
    let all = (0..8).map(|_| server.post_once("/api/v1/jobs", "one", &body));
    let replies = futures::future::join_all(all).await;
    let ids: Vec<_> = replies.iter().map(crate::harness::Reply::id).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let job = server.get(&format!("/api/v1/jobs/{}", ids[0])).await;
    assert_eq!(job.body["progress"]["planned"], json!(6), "{}", job.text);
    let unknown = json!({"kind":"assign_license","token":token.0,"assets":[{"adam_id":"7"}],"devices":["A"]});
    assert_eq!(server.post("/api/v1/jobs", &unknown).await.problem(), (422, "unknown_asset"));
    let cancelled = server.post(&format!("/api/v1/jobs/{}/cancel", ids[0]), &json!({})).await;
    assert_eq!(cancelled.body["state"], "cancelled", "{}", cancelled.text);
    let shown = server.get(&format!("/api/v1/tokens/{token}")).await;
    assert!(!shown.text.contains(&token_file("Lab")[..16]));
    let path = format!("/api/v1/tokens/{token}?licenses=keep");
    assert_eq!(send(server.request(Method::DELETE, &path)).await.status, 204);
    let gone = server.get(&format!("/api/v1/jobs/{}/changes", ids[0])).await;
    assert_eq!((gone.status, &gone.body["items"]), (200, &json!([])));
    server.store.close().await;
}
