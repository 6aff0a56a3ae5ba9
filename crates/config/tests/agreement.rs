//! Holds `config/default.toml` and the structs to each other: the same keys, the same defaults.

use std::fmt::Debug;

use russet_config::{
    DEFAULTS, LogSettings, RehearsalSettings, SecretSettings, Settings, Sources, Surroundings,
};
use serde::de::value::Error as FieldsError;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};

/// A deserializer that gives nothing and remembers which fields were asked for.
struct Fields<'a>(&'a mut Vec<&'static str>);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = FieldsError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, FieldsError> {
        Err(FieldsError::custom("only structs are looked at"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, FieldsError> {
        self.0.extend(fields);
        Err(FieldsError::custom("the fields are known now"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn fields_of<T: DeserializeOwned>() -> Vec<String> {
    let mut fields = Vec::new();
    assert!(T::deserialize(Fields(&mut fields)).is_err());
    fields.sort_unstable();
    fields.into_iter().map(str::to_owned).collect()
}

fn section(name: &str) -> toml::Table {
    let all: toml::Table = DEFAULTS.parse().expect("config/default.toml is TOML");
    all[name].as_table().expect("a section").clone()
}

/// The same keys in the section and in the struct, and the same values. Values are compared as `show` shows them.
fn agrees<T: DeserializeOwned + Default, S: Debug + PartialEq>(name: &str, show: impl Fn(&T) -> S) {
    let section = section(name);
    let mut keys: Vec<String> = section.keys().cloned().collect();
    keys.sort_unstable();
    assert_eq!(keys, fields_of::<T>(), "[{name}]: left the file, right the struct");
    let file: T = section.try_into().expect("the file's values are of the right kind");
    assert_eq!(show(&file), show(&T::default()), "[{name}]: left the file, right the struct");
}

fn debugged<T: Debug>(settings: &T) -> String {
    format!("{settings:?}")
}

#[test]
fn the_file_and_the_structs_have_the_same_keys_and_defaults() {
    agrees("store", debugged::<russet_store::Settings>);
    agrees("api", debugged::<russet_api::Settings>);
    agrees("apple", debugged::<russet_apple::Settings>);
    agrees("mdm", debugged::<russet_mdm::Settings>);
    agrees("worker", debugged::<russet_worker::Settings>);
    agrees("schedule", debugged::<russet_worker::ScheduleSettings>);
    agrees("secrets", |secrets: &SecretSettings| (secrets.key_file.clone(), secrets.key.clone()));
    agrees("log", debugged::<LogSettings>);
    agrees("rehearsal", debugged::<RehearsalSettings>);
    // Its printout hides the address and shows only a part.
    agrees("queue", |queue: &russet_queue::Settings| {
        let waits = [queue.lease_ms, queue.renew_ms, queue.backoff_base_ms, queue.backoff_cap_ms];
        let more = [queue.head_start_ms, queue.connect_timeout_ms, queue.response_timeout_ms];
        let breaker = [u64::from(queue.breaker_tokens), queue.breaker_window_ms, queue.breaker_pause_ms];
        let counts = [queue.max_attempts, queue.max_rescues, queue.dead_max];
        (queue.url.clone(), queue.prefix.clone(), waits, more, breaker, counts, queue.default_rate)
    });
}

#[test]
fn every_section_of_the_file_is_a_crates() {
    let all: toml::Table = DEFAULTS.parse().expect("config/default.toml is TOML");
    let mut sections: Vec<&str> =
        all.iter().filter(|(_, value)| value.is_table()).map(|(name, _)| name.as_str()).collect();
    sections.sort_unstable();
    assert_eq!(
        sections,
        ["api", "apple", "log", "mdm", "queue", "rehearsal", "schedule", "secrets", "store", "worker"]
    );
    let loose: Vec<&str> =
        all.iter().filter(|(_, value)| !value.is_table()).map(|(name, _)| name.as_str()).collect();
    assert_eq!(loose, ["data_dir"]);
}

#[test]
fn every_key_of_the_file_is_explained() {
    let mut before = "";
    for line in DEFAULTS.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(before.starts_with("# "), "no sentence above {line}");
        }
        before = line;
    }
}

#[test]
fn the_example_of_a_cluster_is_right() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/cluster.toml");
    let surroundings = Surroundings { home: Some("/home/u".into()), ..Surroundings::default() };
    let sources = Sources { file: Some(file.into()), surroundings, ..Sources::default() };
    let settings = Settings::from_sources(&sources).unwrap();
    assert!(!settings.store_is_a_file() && !settings.queue_is_in_process());
}
