//! Users: wished for, sent, answered, read from Apple's list, and retired with what they hold.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::*;
use russet_domain::change::State;
use russet_domain::job::{JobKind, JobState, Progress};
use russet_domain::user_registration::{Deed, Profile, Wish, Word, Work, after};
use russet_domain::{JobId, RequestId, Secret, Timestamp, TokenId, UserRecord, UserStatus};
use russet_store::requests::{self, RequestState, What};
use russet_store::submit::Submitted;
use russet_store::users::{self, Count, Report, User, UserWish};
use russet_store::{Store, assets, jobs, licenses, rotate, tokens, walks};

fn wish(id: &str, wish: Wish, email: &str) -> UserWish {
    let email = (!email.is_empty()).then(|| email.to_owned());
    UserWish { client_user_id: id.to_owned(), wish, profile: Profile { email, managed_apple_id: None } }
}

fn active(id: &str) -> UserWish {
    wish(id, Wish::Active, "")
}

fn retired(id: &str) -> UserWish {
    wish(id, Wish::Retired, "")
}

fn record(id: &str, status: UserStatus) -> UserRecord {
    UserRecord { status: Some(status), ..UserRecord::absent(id) }
}

async fn ask(store: &Store, token: TokenId, kind: JobKind, wishes: Vec<UserWish>) -> Submitted {
    let mut tx = store.begin().await.unwrap();
    let done = users::submit(&mut tx, &job(kind, token), wishes, NOW).await.unwrap();
    tx.commit().await.unwrap();
    done
}

/// Sends all that can be sent, one request for each deed, accepted with the events `event-1` and so on.
async fn send(store: &Store, token: TokenId, now: Timestamp) -> Vec<(Deed, RequestId)> {
    let mut tx = store.begin().await.unwrap();
    let sendable = users::sendable(&mut tx, token, now, 1_000_000).await.unwrap();
    let mut sent = Vec::new();
    for deed in Deed::ALL {
        let some: Vec<_> =
            sendable.iter().filter(|user| user.registration.next() == Some(deed)).cloned().collect();
        if !some.is_empty() {
            let id = users::write(&mut tx, token, deed, &some, now).await.unwrap();
            requests::accepted(&mut tx, id, &format!("event-{id}"), now).await.unwrap();
            sent.push((deed, id));
        }
    }
    tx.commit().await.unwrap();
    sent
}

/// Lets Apple say one word about all users of a request.
async fn answer(
    store: &Store,
    token: TokenId,
    request: RequestId,
    word: Word,
    now: Timestamp,
) -> users::Finished {
    let mut tx = store.begin().await.unwrap();
    let open = users::open_of_request(&mut tx, request).await.unwrap();
    let reports: Vec<Report> = open
        .iter()
        .map(|open| Report {
            user: open.id,
            outcome: after(open.deed, word, open.attempts, now, 0.5),
            record: None,
        })
        .collect();
    let finished = users::finish(&mut tx, token, &reports, now).await.unwrap();
    tx.commit().await.unwrap();
    finished
}

async fn the(store: &Store, id: &str) -> User {
    let mut db = store.read().await.unwrap();
    users::of_name(&mut db, id, 10).await.unwrap().pop().unwrap()
}

async fn state(store: &Store, job: JobId) -> (JobState, Progress) {
    let mut db = store.read().await.unwrap();
    let job = jobs::find(&mut db, job).await.unwrap().unwrap();
    (job.state, job.progress)
}

fn progress(of: impl FnOnce(&mut Progress)) -> Progress {
    let mut progress = Progress::default();
    of(&mut progress);
    progress
}

const IMPORT: JobKind = JobKind::ImportUsers;
const RETIRE: JobKind = JobKind::RetireUsers;

#[tokio::test]
async fn a_user_is_planned_sent_and_registered() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = location(store, "north", 1).await;
        let done = ask(store, token, IMPORT, vec![wish("u1", Wish::Active, "a@example.org")]).await;
        assert_eq!((done.state, done.counts.planned), (JobState::Queued, 1));
        assert_eq!(the(store, "u1").await.work, Work::Planned);

        let mut tx = store.begin().await.unwrap();
        let sendable = users::sendable(&mut tx, token, NOW, 10).await.unwrap();
        let request = users::write(&mut tx, token, Deed::Create, &sendable, NOW).await.unwrap();
        let found = requests::find(&mut tx, request).await.unwrap().unwrap();
        assert_eq!(
            (found.what, found.users, found.open_pairs),
            (What::Users(Deed::Create), vec!["u1".to_owned()], 1)
        );
        tx.commit().await.unwrap();
        assert_eq!(the(store, "u1").await.work, Work::Sending);
        assert_eq!(state(store, done.job).await, (JobState::Running, progress(|p| p.sending = 1)));

        let mut tx = store.begin().await.unwrap();
        requests::accepted(&mut tx, request, "event-1", NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(state(store, done.job).await.1, progress(|p| p.accepted = 1));
        let finished = answer(store, token, request, Word::Done, later(1)).await;
        assert_eq!((finished.users, finished.moved, finished.planned), (1, true, false));
        assert_eq!(finished.closed_requests, [request]);
        assert_eq!(finished.ended_jobs, [done.job]);
        let user = the(store, "u1").await;
        assert_eq!(user.registration.status, Some(UserStatus::Registered));
        assert_eq!(user.registration.confirmed.email.as_deref(), Some("a@example.org"));
        assert_eq!(user.work, Work::None);
        let mut db = store.read().await.unwrap();
        assert_eq!(users::unread(&mut db, token, 10).await.unwrap().len(), 1, "the invitation is to be read");
        assert_eq!(requests::find(&mut db, request).await.unwrap().unwrap().state, RequestState::Closed);
        drop(db);

        // The same word again ends nothing twice.
        assert_eq!(answer(store, token, request, Word::Done, later(2)).await.users, 0);
        let again = ask(store, token, IMPORT, vec![wish("u1", Wish::Active, "a@example.org")]).await;
        assert_eq!((again.state, again.counts.already), (JobState::Succeeded, 1));
    })
    .await;
}

#[tokio::test]
async fn jobs_share_one_registration_and_a_newer_wish_runs_once_more() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = location(store, "north", 1).await;
        let first = ask(store, token, IMPORT, vec![active("u1"), active("u2")]).await;
        let second = ask(store, token, IMPORT, vec![active("u2"), active("u3")]).await;
        let sent = send(store, token, NOW).await;
        assert_eq!(sent.len(), 1, "all three go in one request");

        // While Apple is at work, one gets an address, and one is not wanted any more.
        let third = ask(store, token, IMPORT, vec![wish("u2", Wish::Active, "b@example.org")]).await;
        let fourth = ask(store, token, RETIRE, vec![retired("u3")]).await;
        let finished = answer(store, token, sent[0].1, Word::Done, later(1)).await;
        assert!(finished.planned, "{finished:?}");
        assert_eq!(state(store, first.job).await.0, JobState::Succeeded);
        assert_eq!(state(store, second.job).await.0, JobState::Succeeded);
        assert_eq!(state(store, third.job).await.0, JobState::Queued);

        let sent = send(store, token, later(2)).await;
        assert_eq!(sent.iter().map(|(deed, _)| *deed).collect::<Vec<_>>(), [Deed::Update, Deed::Retire]);
        for (_, request) in sent {
            answer(store, token, request, Word::Done, later(3)).await;
        }
        assert_eq!(state(store, third.job).await.0, JobState::Succeeded);
        assert_eq!(state(store, fourth.job).await.0, JobState::Succeeded);
        assert_eq!(the(store, "u2").await.registration.confirmed.email.as_deref(), Some("b@example.org"));
        let gone = the(store, "u3").await;
        assert_eq!((gone.registration.status, gone.retired_records), (Some(UserStatus::Retired), 1));
    })
    .await;
}

#[tokio::test]
async fn a_wish_that_is_turned_round_before_it_is_sent_is_replaced() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = location(store, "north", 1).await;
        let mut tx = store.begin().await.unwrap();
        users::observe(&mut tx, token, Count::Exactly, &[record("u1", UserStatus::Associated)], NOW)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let out = ask(store, token, RETIRE, vec![retired("u1")]).await;
        let stays = ask(store, token, IMPORT, vec![active("u1")]).await;
        assert_eq!((stays.counts.already, stays.counts.replaced), (1, 1));
        assert_eq!(state(store, out.job).await, (JobState::Cancelled, progress(|p| p.cancelled = 1)));
        assert_eq!(the(store, "u1").await.work, Work::None);
        assert!(send(store, token, later(1)).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_refused_user_is_named_and_can_be_tried_again() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = location(store, "north", 1).await;
        let done = ask(store, token, IMPORT, vec![active("u1")]).await;
        let sent = send(store, token, NOW).await;
        answer(store, token, sent[0].1, Word::Failed { number: Some(9641) }, later(1)).await;
        assert_eq!(state(store, done.job).await, (JobState::Failed, progress(|p| p.refused = 1)));
        let user = the(store, "u1").await;
        assert_eq!((user.work, user.error_number), (Work::Refused, Some(9641)));
        let mut db = store.read().await.unwrap();
        let entries = users::list_of_job(&mut db, done.job, Some(State::Refused), 10, None).await.unwrap();
        assert_eq!(entries[0].error_code.as_deref(), Some("account_of_another_user"));
        drop(db);

        let mut tx = store.begin().await.unwrap();
        assert_eq!(users::retry(&mut tx, done.job, later(2)).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(state(store, done.job).await.1, progress(|p| p.planned = 1));
        let sent = send(store, token, later(3)).await;
        answer(store, token, sent[0].1, Word::Done, later(4)).await;
        assert_eq!(state(store, done.job).await.0, JobState::Succeeded);
    })
    .await;
}

#[tokio::test]
async fn a_user_who_exists_is_taken_as_he_is_and_changed_where_he_differs() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = location(store, "north", 1).await;
        let done =
            ask(store, token, IMPORT, vec![active("u1"), wish("u2", Wish::Active, "b@example.org")]).await;
        let sent = send(store, token, NOW).await;
        answer(store, token, sent[0].1, Word::Failed { number: Some(9716) }, later(1)).await;
        // One has nothing left to be asked for; the other's address does.
        let mut tx = store.begin().await.unwrap();
        let sendable = users::sendable(&mut tx, token, later(2), 10).await.unwrap();
        let next: Vec<_> = sendable.iter().map(|user| user.registration.next()).collect();
        assert_eq!(next, [None, Some(Deed::Update)]);
        users::settle_planned(&mut tx, token, &[sendable[0].id], later(2)).await.unwrap();
        tx.commit().await.unwrap();
        let sent = send(store, token, later(2)).await;
        answer(store, token, sent[0].1, Word::Done, later(3)).await;
        assert_eq!(state(store, done.job).await, (JobState::Succeeded, progress(|p| p.settled = 2)));
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_job_sends_nothing_more_and_leaves_what_others_want() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = location(store, "north", 1).await;
        let mine = ask(store, token, IMPORT, vec![active("u1"), active("u2")]).await;
        let theirs = ask(store, token, IMPORT, vec![active("u2")]).await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(jobs::cancel(&mut tx, mine.job, later(1)).await.unwrap(), 2);
        tx.commit().await.unwrap();
        assert_eq!(state(store, mine.job).await.0, JobState::Cancelled);
        let user = the(store, "u1").await;
        assert_eq!((user.work, user.registration.wish), (Work::None, Wish::None));
        assert_eq!(state(store, theirs.job).await.0, JobState::Queued);

        // Cancelled in flight, and Apple says later: it is not sent again.
        let sent = send(store, token, later(2)).await;
        let mut tx = store.begin().await.unwrap();
        jobs::cancel(&mut tx, theirs.job, later(3)).await.unwrap();
        tx.commit().await.unwrap();
        let finished = answer(store, token, sent[0].1, Word::Failed { number: Some(9603) }, later(4)).await;
        assert!(!finished.planned, "{finished:?}");
        assert_eq!(state(store, theirs.job).await.0, JobState::Cancelled);
        let mut tx = store.begin().await.unwrap();
        assert_eq!(jobs::close_ended(&mut tx, &[mine.job, theirs.job], later(5)).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_wish_withdrawn_while_another_is_in_flight_leaves_that_one_as_it_was_sent() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = location(store, "north", 1).await;
        ask(store, token, IMPORT, vec![wish("u1", Wish::Active, "a@example.org")]).await;
        let sent = send(store, token, NOW).await;
        let out = ask(store, token, RETIRE, vec![retired("u1")]).await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(jobs::cancel(&mut tx, out.job, later(1)).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let finished = answer(store, token, sent[0].1, Word::Done, later(2)).await;
        assert!(!finished.planned, "{finished:?}");
        let user = the(store, "u1").await;
        assert_eq!(user.registration.wish, Wish::Active);
        assert_eq!(user.registration.confirmed.email.as_deref(), Some("a@example.org"));
        assert_eq!(user.registration.next(), None);
    })
    .await;
}

#[tokio::test]
async fn what_apple_lists_is_taken_over_and_several_retired_records_are_counted() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = location(store, "north", 1).await;
        let mut tx = store.begin().await.unwrap();
        let kind = walks::WalkKind::Users;
        let walk = walks::start(&mut tx, token, kind, &[], NOW).await.unwrap();
        let code = UserRecord {
            invite_code: Some(Secret::new("open sesame")),
            email: Some("a@example.org".to_owned()),
            ..record("u1", UserStatus::Registered)
        };
        let page = |records: Vec<UserRecord>| russet_domain::user_record::fold(records);
        let first = page(vec![code, record("u1", UserStatus::Retired), record("u2", UserStatus::Retired)]);
        users::observe_page(&mut tx, token, walk.id, NOW, Count::Adds, &first, NOW).await.unwrap();
        let second = page(vec![record("u1", UserStatus::Retired), record("u2", UserStatus::Associated)]);
        users::observe_page(&mut tx, token, walk.id, NOW, Count::Adds, &second, NOW).await.unwrap();
        users::drop_unseen(&mut tx, token, walk.id, NOW, NOW).await.unwrap();
        users::read_list(&mut tx, token, Some("v1"), true, NOW).await.unwrap();
        tx.commit().await.unwrap();
        let user = the(store, "u1").await;
        assert_eq!(
            (user.registration.status.clone(), user.retired_records),
            (Some(UserStatus::Registered), 2)
        );
        assert_eq!(
            (user.registration.wish, user.registration.wanted.email.as_deref()),
            (Wish::None, Some("a@example.org"))
        );
        let other = the(store, "u2").await;
        assert_eq!((other.registration.status, other.retired_records), (Some(UserStatus::Associated), 1));
        let mut db = store.read().await.unwrap();
        let invitation = users::invite_code(&mut db, &user).await.unwrap().unwrap();
        assert_eq!(invitation.reveal(), "open sesame");
        assert!(users::user_list(&mut db, token).await.unwrap().read_whole_at.is_some());
        drop(db);
        let stored = side.texts("SELECT coalesce(invite_code, '') FROM users").await.concat();
        assert!(!stored.contains("sesame"), "the code is sealed");

        // The next walk sees one of them no more, and counts anew.
        let mut tx = store.begin().await.unwrap();
        let walk = walks::start(&mut tx, token, kind, &[], later(10)).await.unwrap();
        let only = page(vec![record("u1", UserStatus::Retired)]);
        users::observe_page(&mut tx, token, walk.id, later(10), Count::Adds, &only, later(10)).await.unwrap();
        assert_eq!(users::drop_unseen(&mut tx, token, walk.id, later(10), later(11)).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let user = the(store, "u1").await;
        assert_eq!((user.registration.status, user.retired_records), (Some(UserStatus::Retired), 1));
        assert!(!user.is_invited);
        assert_eq!(the(store, "u2").await.registration.status, None);
    })
    .await;
}

#[tokio::test]
async fn an_older_page_does_not_undo_what_was_settled_since() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = location(store, "north", 1).await;
        ask(store, token, IMPORT, vec![active("u1")]).await;
        let mut tx = store.begin().await.unwrap();
        let walk = walks::start(&mut tx, token, walks::WalkKind::Users, &[], later(1)).await.unwrap();
        tx.commit().await.unwrap();
        let sent = send(store, token, later(2)).await;
        answer(store, token, sent[0].1, Word::Done, later(3)).await;
        let mut tx = store.begin().await.unwrap();
        let page = [record("u1", UserStatus::Retired)];
        users::observe_page(&mut tx, token, walk.id, later(1), Count::Adds, &page, later(4)).await.unwrap();
        users::drop_unseen(&mut tx, token, walk.id, later(1), later(4)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(the(store, "u1").await.registration.status, Some(UserStatus::Registered));
    })
    .await;
}

#[tokio::test]
async fn a_retired_user_gives_back_what_can_be_taken_back_and_loses_the_rest() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 2).await;
        side.run(&format!("UPDATE assets SET revocable = false WHERE id = {}", apps[1].0)).await;
        let mut tx = store.begin().await.unwrap();
        users::observe(&mut tx, token, Count::Exactly, &[record("user-1", UserStatus::Associated)], NOW)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let given = submitted(store, JobKind::AssignLicense, token, wishes(&apps, &[user(1), user(2)])).await;
        let sent = send_all(store, token, NOW).await;
        finished(store, token, &settled(&sent[0].1), NOW).await;
        assert_eq!(state(store, given.job).await.0, JobState::Succeeded);
        let lasting = {
            let known = the(store, "user-1").await;
            let mut db = store.read().await.unwrap();
            users::licenses_of(&mut db, &known, true, 10).await.unwrap()
        };
        assert_eq!(lasting.len(), 1);

        ask(store, token, RETIRE, vec![retired("user-1")]).await;
        let sent = send(store, token, later(1)).await;
        let end = answer(store, token, sent[0].1, Word::Done, later(2)).await;
        assert_eq!(end.licenses_gone, 2);
        let mut db = store.read().await.unwrap();
        assert_eq!(licenses::count(&mut db, token).await.unwrap(), 3, "what cannot be taken back stays");
        let rows = assets::get_many(&mut db, &apps).await.unwrap();
        let counts = |id| {
            let asset = &rows[id].asset;
            (asset.assigned, asset.supply.free())
        };
        assert_eq!(counts(&apps[0]), (1, 999_999));
        assert_eq!(counts(&apps[1]), (2, 999_998), "until the assets are read again");
    })
    .await;
}

#[tokio::test]
async fn removing_a_token_ends_its_users_and_sealing_anew_finds_the_invitations() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = location(store, "north", 1).await;
        let done = ask(store, token, IMPORT, vec![active("u1"), active("u2")]).await;
        send(store, token, NOW).await;
        ask(store, token, IMPORT, vec![active("u3")]).await;
        let mut tx = store.begin().await.unwrap();
        let code = UserRecord { invite_code: Some(Secret::new("c")), ..record("u4", UserStatus::Registered) };
        users::observe(&mut tx, token, Count::Exactly, &[code], NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(rotate(store).await.unwrap(), 0, "all is sealed with the current key");
        let mut tx = store.begin().await.unwrap();
        tokens::delete(&mut tx, token, later(1)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(state(store, done.job).await, (JobState::Failed, progress(|p| p.refused = 2)));
        for table in ["users", "job_users", "user_lists", "requests"] {
            assert_eq!(side.number(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_hundred_thousand_users_are_a_few_statements() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = location(store, "north", 1).await;
        let many: Vec<UserWish> = (0..100_000)
            .map(|n| wish(&format!("u{n:06}"), Wish::Active, &format!("u{n}@example.org")))
            .collect();
        let began = std::time::Instant::now();
        let done = ask(store, token, IMPORT, many).await;
        let took = began.elapsed();
        assert_eq!((done.state, done.counts.planned), (JobState::Queued, 100_000));
        // A loop of single rows takes minutes.
        assert!(took.as_secs() < 40, "{took:?}");
        let mut db = store.read().await.unwrap();
        let filter = users::Filter { prefix: Some("u09999".to_owned()), ..users::Filter::default() };
        assert_eq!(users::list(&mut db, &filter, 100, None).await.unwrap().len(), 10);
        let waiting = users::waiting(&mut db, token, NOW).await.unwrap().unwrap();
        assert_eq!(waiting.oldest, NOW);
    })
    .await;
}
