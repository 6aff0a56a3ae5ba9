//! The scripts, each with its hash, as text for the server's version.

use std::fmt::{self, Display};
use std::io::Write as _;
use std::time::Duration;

use ::redis::{Cmd, cmd};

const COMMON: &str = include_str!("scripts/common.lua");
const GATE: &str = include_str!("scripts/gate.lua");
const PACE: &str = include_str!("scripts/pace.lua");

/// One script.
pub(crate) struct Script {
    text: String,
    hash: String,
}

impl Script {
    /// `frees` marks scripts that must work although Redis is out of memory, because they make room or keep what
    /// is there alive. Redis knows the mark since 7.0; before, it only refuses a script's first growing command.
    fn new(parts: &[&str], frees: bool, marks: bool) -> Self {
        let mark = match (marks, frees) {
            (true, true) => "#!lua flags=allow-oom\n",
            (true, false) => "#!lua\n",
            (false, true | false) => "",
        };
        let text = format!("{mark}{}", parts.concat());
        let hash = ::redis::Script::new(&text).get_hash().to_owned();
        Self { text, hash }
    }

    pub(super) fn by_hash(&self, keys: &[String], args: &Args) -> Cmd {
        command("EVALSHA", &self.hash, keys, args)
    }

    pub(super) fn by_text(&self, keys: &[String], args: &Args) -> Cmd {
        command("EVAL", &self.text, keys, args)
    }
}

/// All scripts.
pub(crate) struct Scripts {
    pub(super) push: Script,
    pub(super) claim: Script,
    pub(super) end: Script,
    pub(super) renew: Script,
    pub(super) rescue: Script,
    pub(super) lead: Script,
    pub(super) resign: Script,
    pub(super) pace_take: Script,
    pub(super) pace_change: Script,
    pub(super) pace_report: Script,
    pub(super) attend: Script,
    pub(super) forget: Script,
}

/// The script that greets a server; `marks` for one of version 7 or newer.
pub(super) fn greeting(marks: bool) -> Script {
    Script::new(&[PACE, include_str!("scripts/greet.lua")], true, marks)
}

impl Scripts {
    /// The scripts as a server of the given major version wants them.
    pub(crate) fn for_version(major: u32) -> Self {
        let marks = major >= 7;
        let queue = |text: &str, frees| Script::new(&[COMMON, text], frees, marks);
        let pace = |text: &str| Script::new(&[PACE, text], true, marks);
        Self {
            push: queue(include_str!("scripts/push.lua"), false),
            claim: Script::new(&[COMMON, GATE, include_str!("scripts/claim.lua")], true, marks),
            end: queue(include_str!("scripts/end.lua"), true),
            renew: queue(include_str!("scripts/renew.lua"), true),
            rescue: queue(include_str!("scripts/rescue.lua"), true),
            lead: Script::new(&[include_str!("scripts/lead.lua")], true, marks),
            resign: Script::new(&[include_str!("scripts/resign.lua")], true, marks),
            pace_take: pace(include_str!("scripts/pace_take.lua")),
            pace_change: pace(include_str!("scripts/pace_change.lua")),
            pace_report: pace(include_str!("scripts/pace_report.lua")),
            attend: queue(include_str!("scripts/attend.lua"), true),
            forget: Script::new(&[include_str!("scripts/forget.lua")], true, marks),
        }
    }
}

fn command(verb: &str, script: &str, keys: &[String], args: &Args) -> Cmd {
    let mut command = cmd(verb);
    command.arg(script).arg(keys.len()).arg(keys);
    args.each().for_each(|arg| {
        command.arg(arg);
    });
    command
}

/// Arguments of a script, one after the other in one piece of memory: a batch has thousands.
#[derive(Default)]
pub(crate) struct Args {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Args {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity * 32), ends: Vec::with_capacity(capacity) }
    }

    pub(super) fn text(&mut self, text: impl AsRef<str>) -> &mut Self {
        self.bytes.extend_from_slice(text.as_ref().as_bytes());
        self.ends.push(self.bytes.len());
        self
    }

    pub(super) fn number(&mut self, number: impl Display) -> &mut Self {
        self.put(format_args!("{number}"))
    }

    /// What is written here without being put together elsewhere first.
    pub(super) fn put(&mut self, text: fmt::Arguments<'_>) -> &mut Self {
        // Writing to memory does not fail.
        let _ = self.bytes.write_fmt(text);
        self.ends.push(self.bytes.len());
        self
    }

    pub(super) fn millis(&mut self, duration: Duration) -> &mut Self {
        self.number(duration.as_millis())
    }

    fn each(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).filter_map(|(begin, end)| self.bytes.get(begin..*end))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_script_says_its_keys_and_its_bound_and_builds_no_key_of_its_own() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/redis/scripts");
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let is_part = ["common.lua", "gate.lua", "pace.lua"].iter().any(|part| path.ends_with(part));
            let says = |word: &str| text.lines().any(|line| line.starts_with("--") && line.contains(word));
            assert!(is_part || says("KEYS") && says("Bound: "), "{}", path.display());
            // A Cluster finds only the keys that are declared.
            let builds = |line: &str| line.contains("call('") && line.contains("{") && line.contains("}:");
            assert!(!text.lines().any(builds), "{}", path.display());
        }
    }
}
