//! Many tokens: uploaded together, again without harm, renewed together, and found among each other.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use russet_tests::{Profile, Setup, World, eventually};
use serde_json::Value;

/// Writes token files of new locations into a folder, and returns the contents.
async fn write_files(world: &World, folder: &Path, names: &[&str]) -> Vec<String> {
    fs::create_dir_all(folder).expect("a folder");
    let mut contents = Vec::new();
    for name in names {
        let location = world.apple.location(name, 2, 10, 0).await;
        fs::write(folder.join(format!("{name}.vpptoken")), &location.content).expect("a file");
        contents.push(location.content);
    }
    contents
}

fn counts(value: &Value) -> Vec<(&str, u64)> {
    let words = ["created", "already_there", "renewed", "duplicate", "refused"];
    let count = |word: &'static str| (word, value[word].as_u64().expect("a count"));
    words.into_iter().map(count).filter(|(_, count)| *count > 0).collect()
}

fn outcome(output: &russet_tests::Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_and_an_archive_are_uploaded_and_once_more_without_harm() {
    let world = World::of(Profile::Single).await;
    let folder = world.directory().join("tokens");
    write_files(&world, &folder, &["alder", "birch", "cedar"]).await;
    write_files(&world, &folder.join("more"), &["dogwood"]).await;
    fs::write(folder.join("readme.txt"), "not a token").expect("a file");
    fs::write(folder.join("broken.vpptoken"), "not a token either").expect("a file");
    let archive = world.directory().join("rest.zip");
    let mut zip = zip::ZipWriter::new(File::create(&archive).expect("an archive"));
    for name in ["elm", "fir"] {
        let location = world.apple.location(name, 2, 10, 0).await;
        let inside = format!("district/{name}.vpptoken");
        zip.start_file(inside, zip::write::SimpleFileOptions::default()).expect("an entry");
        zip.write_all(location.content.as_bytes()).expect("an entry");
    }
    zip.finish().expect("an archive");
    let (folder, archive) = (folder.display().to_string(), archive.display().to_string());
    let add = ["token", "add", &folder, &archive, "--consent", "--json"];

    let first = world.russet(&add);
    assert_eq!(first.code, Some(1), "one file is no token: {first:?}");
    let said = outcome(&first);
    assert_eq!(counts(&said), [("created", 6), ("refused", 1)], "{said}");
    let broken = said["items"].as_array().expect("items").iter().find(|item| item["outcome"] == "refused");
    let broken = broken.expect("the broken one").to_string();
    assert!(broken.contains("broken.vpptoken") && broken.contains("token_not_base64"), "{broken}");
    let listed = world.russet(&["token", "list", "--state", "valid", "--text", "ELM"]);
    assert!(listed.good().contains("elm") && !listed.good().contains("fir"), "{listed:?}");
    eventually("all to be synced", async || {
        let synced = world.api.list("/tokens?sync=completed").await.len();
        if synced == 6 { Ok(()) } else { Err(format!("{synced}")) }
    })
    .await;

    let again = outcome(&world.russet(&add));
    assert_eq!(counts(&again), [("already_there", 6), ("refused", 1)], "{again}");
    assert_eq!(world.api.list("/tokens").await.len(), 6);
    let lines = world.russet(&["token", "add", &folder, "--consent"]);
    assert!(lines.stdout.contains("alder.vpptoken: already there: "), "{lines:?}");
    assert!(lines.stdout.contains("5 files: 4 already there, 1 refused"), "{lines:?}");
    world.must_be_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newly_downloaded_files_take_the_places_of_the_old_ones_together() {
    let world = World::of(Profile::Single).await;
    let folder = world.directory().join("tokens");
    let names = ["alder", "birch"];
    let mut uids = Vec::new();
    let old = folder.join("old");
    fs::create_dir_all(&old).expect("a folder");
    for name in names {
        let location = world.apple.location(name, 2, 10, 0).await;
        fs::write(old.join(format!("{name}.vpptoken")), &location.content).expect("a file");
        uids.push(location.uid);
    }
    let old = old.display().to_string();
    assert_eq!(
        counts(&outcome(&world.russet(&["token", "add", &old, "--consent", "--json"]))),
        [("created", 2)]
    );
    let fresh = folder.join("fresh");
    fs::create_dir_all(&fresh).expect("a folder");
    for (name, uid) in names.iter().zip(&uids) {
        let content = world.apple.another_token(uid).await;
        fs::write(fresh.join(format!("{name} 2.vpptoken")), content).expect("a file");
    }
    let fresh = fresh.display().to_string();

    let renewed = outcome(&world.russet(&["token", "add", &fresh, "--consent", "--renew", "--json"]));
    assert_eq!(counts(&renewed), [("renewed", 2)], "{renewed}");
    let tokens = world.api.list("/tokens").await;
    let mut found: Vec<&str> = tokens.iter().filter_map(|token| token["name"].as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, names, "the old tokens stay, with new files");
    assert!(tokens.iter().all(|token| token["state"] == "valid"), "{tokens:?}");
    let again = outcome(&world.russet(&["token", "add", &fresh, "--consent", "--renew", "--json"]));
    assert_eq!(counts(&again), [("already_there", 2)], "{again}");
    world.must_be_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_tokens_than_allowed_are_refused_with_the_setting_to_change() {
    let world = World::start(Setup::of(Profile::Single).setting("API__TOKENS_MAX", "2")).await;
    let folder = world.directory().join("tokens");
    write_files(&world, &folder, &["alder", "birch", "cedar"]).await;
    let folder = folder.display().to_string();
    let added = outcome(&world.russet(&["token", "add", &folder, "--consent", "--json"]));
    assert_eq!(counts(&added), [("created", 2), ("refused", 1)], "{added}");
    assert!(added.to_string().contains("api.tokens_max"), "{added}");
    world.must_be_clean().await;
}
