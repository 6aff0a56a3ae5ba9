//! Private servers are started, steered and gone afterwards, whatever ends the program that started them.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use russet_services::{PrivatePostgres, PrivateRedis, RedisOptions, Services, Wanted};

/// Set for the copy of this program that is to be killed.
const VICTIM: &str = "RUSSET_SERVICES_VICTIM";

fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come true");
        thread::sleep(Duration::from_millis(10));
    }
}

fn port_of(url: &str) -> u16 {
    let place = url.rsplit('@').next().unwrap().trim_start_matches("redis://");
    place.split(['/', ':']).nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_private_postgres_answers_and_is_gone_when_dropped() {
    let postgres = PrivatePostgres::start().unwrap();
    let port = port_of(postgres.url());
    assert!(listens(port));
    drop(postgres);
    assert!(!listens(port));
}

#[test]
fn a_new_database_can_be_used_and_is_gone_when_dropped() {
    let services = Services::start_private(&Wanted { postgres: true, redis: false }).unwrap();
    let database = services.new_database().unwrap();
    let url = database.url().to_owned();
    let query =
        |url: &str| Command::new("psql").args([url, "-tAc", "SHOW max_connections"]).output().unwrap();
    let output = query(&url);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "300");
    assert!(services.new_database().unwrap().url() != url);

    drop(database);
    assert!(!query(&url).status.success());
}

#[test]
fn a_private_redis_with_append_only_file_knows_its_data_again_after_a_crash() {
    let options = RedisOptions { append_only: true, ..RedisOptions::default() };
    let mut redis = PrivateRedis::start(&options).unwrap();
    redis.command(&["SET", "k", "v"]).unwrap();
    redis.kill().unwrap();
    assert!(!listens(redis.port()));
    redis.start_again().unwrap();
    assert_eq!(redis.command(&["GET", "k"]).unwrap(), "v");
}

#[test]
fn a_private_redis_without_append_only_file_forgets_over_a_restart() {
    let mut redis = PrivateRedis::start(&RedisOptions::default()).unwrap();
    redis.command(&["SET", "k", "v"]).unwrap();
    redis.stop().unwrap();
    redis.stop().unwrap();
    assert!(!listens(redis.port()));
    redis.start_again().unwrap();
    assert_eq!(redis.command(&["GET", "k"]).unwrap(), "");
}

#[test]
fn a_frozen_redis_keeps_connections_and_answers_once_thawed() {
    let mut redis = PrivateRedis::start(&RedisOptions::default()).unwrap();
    redis.freeze().unwrap();
    assert!(redis.command(&["PING"]).is_err());
    assert!(listens(redis.port()));
    redis.thaw().unwrap();
    assert_eq!(redis.command(&["PING"]).unwrap(), "PONG");
    redis.freeze().unwrap();
    redis.stop().unwrap();
    assert!(!listens(redis.port()));
}

#[test]
fn a_dropped_redis_takes_its_directory_along() {
    let redis = PrivateRedis::start(&RedisOptions::default()).unwrap();
    let (port, directory) = (redis.port(), redis.directory().to_owned());
    assert!(directory.exists());
    drop(redis);
    assert!(!listens(port));
    assert!(!directory.exists());
}

#[test]
fn arguments_reach_the_server_and_wrong_ones_are_told() {
    let options = |arguments: [&str; 2]| RedisOptions {
        arguments: arguments.map(str::to_owned).to_vec(),
        ..RedisOptions::default()
    };
    let redis = PrivateRedis::start(&options(["--maxmemory", "4mb"])).unwrap();
    assert_eq!(redis.command(&["CONFIG", "GET", "maxmemory"]).unwrap(), "maxmemory\n4194304");

    let message = PrivateRedis::start(&options(["--maxmemory", "lots"])).unwrap_err().to_string();
    assert!(message.contains("maxmemory"), "{message}");
}

#[test]
fn a_taken_port_is_an_error_and_not_somebody_elses_server() {
    let first = PrivateRedis::start(&RedisOptions::default()).unwrap();
    let options = RedisOptions { port: Some(first.port()), ..RedisOptions::default() };
    assert!(PrivateRedis::start(&options).is_err());
    assert_eq!(first.command(&["PING"]).unwrap(), "PONG");
}

#[test]
fn servers_end_with_a_program_that_is_killed() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_program_that_is_killed", "--ignored", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut said = |name: &str| lines.find_map(|line| line.strip_prefix(name).map(str::to_owned)).unwrap();
    let postgres = port_of(&said("postgres="));
    let redis = port_of(&said("redis="));
    let directory = said("directory=");
    assert!(listens(postgres) && listens(redis) && Path::new(&directory).exists());

    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the end of PostgreSQL", || !listens(postgres));
    wait_until("the end of Redis", || !listens(redis));
    wait_until("the removal of the directory", || !Path::new(&directory).exists());
}

#[test]
#[ignore = "not a test: the other side of servers_end_with_a_program_that_is_killed"]
fn the_program_that_is_killed() {
    if std::env::var_os(VICTIM).is_none() {
        return;
    }
    let postgres = PrivatePostgres::start().unwrap();
    let redis = PrivateRedis::start(&RedisOptions::default()).unwrap();
    println!(
        "\npostgres={}\nredis={}\ndirectory={}",
        postgres.url(),
        redis.url(),
        redis.directory().display()
    );
    thread::sleep(Duration::from_secs(60));
}
