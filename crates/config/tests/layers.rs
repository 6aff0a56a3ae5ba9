//! What a person gets who sets something: the value, or every mistake by its name.

use std::io::Write;

use russet_config::{ConfigError, KeySource, LogFormat, Settings, Sources, Surroundings};

fn load(file: &str, variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let mut path = tempfile::NamedTempFile::new().expect("a temporary file");
    path.write_all(file.as_bytes()).expect("to write it");
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let surroundings = Surroundings { home: Some("/home/u".into()), ..Surroundings::default() };
    Settings::from_sources(&Sources { file: Some(path.path().to_owned()), variables, surroundings })
}

fn refusal(file: &str, variables: &[(&str, &str)]) -> String {
    load(file, variables).expect_err("a refusal").to_string()
}

#[test]
fn nothing_needs_to_be_set() {
    let settings = load("", &[]).unwrap();
    assert_eq!(settings.store.url, "sqlite:///home/u/.local/share/russet/russet.db");
    assert_eq!(settings.api_url(), "http://127.0.0.1:8080");
    assert_eq!(settings.key_source(), KeySource::File("/home/u/.local/share/russet/secret.key".into()));
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = "data_dir = \"/srv/a\"\n[apple]\npoll_after_s = 7\npoll_every_s = 8\nread_back_after_s = 9\n";
    let settings = load(file, &[("RUSSET_APPLE__POLL_EVERY_S", "1"), ("RUSSET_DATA_DIR", "/srv/b")]).unwrap();
    assert_eq!((settings.apple.poll_after_s, settings.apple.poll_every_s), (7, 1));
    assert_eq!(settings.apple.limits_every_s, 300);
    assert_eq!(settings.store.url, "sqlite:///srv/b/russet.db");
}

#[test]
fn variables_are_read_by_the_kind_of_their_setting() {
    let settings = load(
        "",
        &[
            ("RUSSET_APPLE__ALLOW_HTTP", "true"),
            ("RUSSET_APPLE__RATE_SHARE", "1"),
            ("RUSSET_QUEUE__PREFIX", "17"),
            ("RUSSET_LOG__FORMAT", "json"),
        ],
    )
    .unwrap();
    assert!(settings.apple.allow_http);
    assert!((settings.apple.rate_share - 1.0).abs() < f64::EPSILON);
    assert_eq!(settings.queue.prefix, "17");
    assert_eq!(settings.log.format, LogFormat::Json);
}

#[test]
fn every_wrong_value_is_named_at_once_with_its_origin_and_what_it_should_be() {
    let said = refusal(
        "[api]\nlisten = \"here\"\npage_max = \"many\"\n[log]\nlevel = \"loud\"\n[worker]\nconcurrency = 0\n",
        &[("RUSSET_APPLE__POLL_AFTER_S", "soon"), ("RUSSET_LOG__FORMAT", "xml")],
    );
    assert!(said.starts_with("6 settings cannot be used"), "{said}");
    for part in [
        "api.listen (from file ",
        "127.0.0.1:8080",
        "api.page_max (from file ",
        "is string \"many\"; it should be a whole number, such as 1000",
        "apple.poll_after_s (from environment variable RUSSET_APPLE__POLL_AFTER_S) is string \"soon\"",
        "it should be a whole number, such as 300",
        "log.level (from file ",
        "log.format (from environment variable RUSSET_LOG__FORMAT) is \"xml\"; it should be one of text, json",
        "worker.concurrency (from file ",
    ] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
}

#[test]
fn an_unknown_name_is_refused_with_the_one_that_was_meant() {
    let said = refusal(
        "colour = 1\n[api]\nlistn = \"127.0.0.1:1\"\n[aple]\nx = 1\n",
        &[("RUSSET_APPLE__POL_AFTER_S", "1"), ("RUSSET_API_LISTEN", "127.0.0.1:1")],
    );
    for part in [
        "colour (from file ",
        "api.listn (from file ",
        "is not a setting; api.listen is meant, perhaps",
        "[aple] (from file ",
        "environment variable RUSSET_APPLE__POL_AFTER_S names no setting; RUSSET_APPLE__POLL_AFTER_S is meant, perhaps",
        "environment variable RUSSET_API_LISTEN has one underscore too few; RUSSET_API__LISTEN is meant",
    ] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
    assert!(said.starts_with("5 settings"), "{said}");
}

#[test]
fn variables_that_are_not_settings_are_left_alone() {
    let others = [
        ("RUSSET_URL", "x"),
        ("RUSSET_KEY", "x"),
        ("RUSSET_SERVICE_HOST", "10.0.0.1"),
        ("RUSSET_PORT", "tcp://x"),
    ];
    load("", &others).unwrap();
}

#[test]
fn a_secret_is_read_from_a_file_and_never_shown() {
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    writeln!(secret, "postgres://u:hunter2@db/russet").unwrap();
    let path = secret.path().display().to_string();
    let settings = load("", &[("RUSSET_STORE__URL_FILE", &path)]).unwrap();
    assert_eq!(settings.store.url, "postgres://u:hunter2@db/russet");

    let said = refusal("", &[("RUSSET_STORE__URL_FILE", &path), ("RUSSET_STORE__URL", "postgres://x/y")]);
    assert!(
        said.contains("RUSSET_STORE__URL_FILE is set beside RUSSET_STORE__URL; keep one of them"),
        "{said}"
    );
    let said = refusal("", &[("RUSSET_QUEUE__URL_FILE", "/nowhere/at/all")]);
    assert!(said.contains("RUSSET_QUEUE__URL_FILE names the file /nowhere/at/all"), "{said}");
    let said = refusal(
        "",
        &[("RUSSET_STORE__URL", "mysql://u:hunter2@db/x"), ("RUSSET_QUEUE__URL", "amqp://u:hunter2@q")],
    );
    assert!(said.contains("store.url") && said.contains("queue.url") && !said.contains("hunter2"), "{said}");
}

#[test]
fn the_key_comes_from_one_place() {
    let settings = load("", &[("RUSSET_SECRETS__KEY_FILE", "/k")]).unwrap();
    assert_eq!(settings.key_source(), KeySource::File("/k".into()));
    let settings = load("", &[("RUSSET_SECRETS__KEY", "k1:hunter2")]).unwrap();
    assert!(matches!(settings.key_source(), KeySource::Text(_)));
    assert!(!format!("{settings:?}").contains("hunter2"));
    let said = refusal("", &[("RUSSET_SECRETS__KEY", "k1:hunter2"), ("RUSSET_SECRETS__KEY_FILE", "/k")]);
    assert!(said.contains("secrets.key") && !said.contains("hunter2"), "{said}");
}

#[test]
fn a_schedule_that_cannot_be_read_is_named() {
    let said = refusal("", &[("RUSSET_SCHEDULE__SYNC_TOKEN", "twice a day")]);
    assert!(
        said.contains("schedule.sync_token (from environment") && said.contains("0 */12 * * *"),
        "{said}"
    );
    let said = refusal("[schedule]\ntime_zone = \"Mars\"\n", &[]);
    assert!(said.contains("schedule.time_zone (from file"), "{said}");
    load("[schedule]\nsync_token = \"\"\n", &[]).unwrap();
}

#[test]
fn a_plain_public_address_is_for_simulators_on_this_machine() {
    let said =
        refusal("[api]\npublic_url = \"http://russet.example.org\"\n[apple]\nallow_http = true\n", &[]);
    assert!(said.contains("api.public_url (from file") && said.contains("https://"), "{said}");
    assert!(load("[api]\npublic_url = \"http://127.0.0.1:9\"\n", &[]).is_err());
    load("[api]\npublic_url = \"http://127.0.0.1:9\"\n[apple]\nallow_http = true\n", &[]).unwrap();
    load("[api]\npublic_url = \"http://[::1]:9\"\n[apple]\nallow_http = true\n", &[]).unwrap();
}

#[test]
fn another_time_is_for_a_simulator_alone() {
    let said = refusal("[rehearsal]\nahead_s = 60\n", &[]);
    assert!(said.contains("rehearsal.ahead_s (from file") && said.contains("apple.allow_http"), "{said}");
    let settings = load("[rehearsal]\nahead_s = 60\n[apple]\nallow_http = true\n", &[]).unwrap();
    assert_eq!(settings.rehearsal.ahead().as_secs(), 60);
    assert!(load("[rehearsal]\nahead_s = 999999999\n[apple]\nallow_http = true\n", &[]).is_err());
}

#[test]
fn a_file_that_is_not_there_or_no_toml_is_named() {
    let sources = Sources { file: Some("/nowhere.toml".into()), ..Sources::default() };
    let said = Settings::from_sources(&sources).unwrap_err().to_string();
    assert!(said.contains("file /nowhere.toml cannot be read"), "{said}");
    assert!(refusal("[api\n", &[]).contains("is not valid TOML"));
}
