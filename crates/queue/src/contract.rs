//! What the two queues, over Redis and in process, both promise: claims, endings and their outcome as values.

use std::sync::Arc;

use russet_domain::Timestamp;
use russet_domain::job::Priority;

use crate::Settings;

/// The most messages that one script pushes, ends or renews.
pub(crate) const BATCH_MAX: usize = 500;
/// The most messages that one script claims.
pub(crate) const CLAIM_MAX: usize = 256;
/// The most messages that a claim looks at per lane while several lanes are ready.
pub(crate) const LANE_MAX: usize = 32;
/// The most expired leases that one look takes over.
pub(crate) const RESCUE_MAX: usize = 100;
/// From the second rescue on messages come back so far apart: one of them may be what takes its workers down, and the others
/// are to run without it.
pub(crate) const APART_MS: i64 = 1_000;
/// The reason of a message that took too many workers down.
pub(crate) const POISON: &str = "poison";

/// A message's own record: what waits in the queue beside its id.
///
/// While a message runs nobody but its holder changes the record, so endings bring a whole new one along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) priority: Priority,
    /// Failed attempts so far.
    pub(crate) attempts: u32,
    /// How often it was taken over from a worker that vanished.
    pub(crate) rescues: u32,
    /// Why the last attempt failed.
    pub(crate) why: String,
    pub(crate) payload: String,
}

impl Record {
    pub(crate) fn fresh(priority: Priority, payload: &str) -> Self {
        Self { priority, attempts: 0, rescues: 0, why: String::new(), payload: payload.to_owned() }
    }

    /// The record as text: `priority|attempts|rescues|why`, a line's end, and the payload.
    pub(crate) fn write(&self) -> String {
        let Self { attempts, rescues, why, payload, .. } = self;
        format!("{}|{attempts}|{rescues}|{why}\n{payload}", lane_of(self.priority))
    }

    /// Reads a record; text that is none becomes a record whose payload is that text, so that nothing is lost.
    pub(crate) fn read(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|| Self::fresh(Priority::Normal, text))
    }

    fn parse(text: &str) -> Option<Self> {
        let (head, payload) = text.split_once('\n')?;
        let mut parts = head.splitn(4, '|');
        Some(Self {
            priority: priority_of(parts.next()?)?,
            attempts: parts.next()?.parse().ok()?,
            rescues: parts.next()?.parse().ok()?,
            why: parts.next()?.to_owned(),
            payload: payload.to_owned(),
        })
    }
}

/// After how many milliseconds of silence a worker counts as gone: twice it should have been heard of.
pub(crate) fn forgotten_ms(settings: &Settings) -> u64 {
    settings.renew_ms.saturating_mul(6).max(2_000)
}

/// Text fit to be a reason: one line of bounded length.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().take(500).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The digit that stands for a priority in keys and records.
pub(crate) fn lane_of(priority: Priority) -> u8 {
    match priority {
        Priority::Low => 0,
        Priority::Normal => 1,
        Priority::High => 2,
    }
}

fn priority_of(digit: &str) -> Option<Priority> {
    Priority::ALL.into_iter().find(|priority| lane_of(*priority).to_string() == digit)
}

/// Who asks for messages: one run of one worker.
#[derive(Clone, Debug)]
pub(crate) struct Claimant {
    /// The worker's name with something that makes this run of it unique.
    pub(crate) worker: Arc<str>,
    /// Which kinds it takes.
    pub(crate) kinds: Vec<String>,
    /// The keys that its claims touch, where there are keys.
    pub(crate) keys: Vec<String>,
}

/// A worker's request for messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// Numbers the worker's requests. Repeated with the same number, because no answer came, it gets the same messages.
    pub(crate) request: u64,
    /// How many messages at most.
    pub(crate) max: usize,
}

/// A message handed to a worker, with its lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) id: Arc<str>,
    pub(crate) lease: Lease,
    /// The lease as text, as the queue has it.
    pub(crate) text: Arc<str>,
    pub(crate) record: Record,
}

impl Taken {
    pub(crate) fn new(id: &str, lease: Lease, record: Record) -> Self {
        Self { id: id.into(), text: lease.write().into(), lease, record }
    }
}

/// A message with its lease as text.
pub(crate) type Named = (Arc<str>, Arc<str>);

/// A claim on a message: `fence|due|since|worker` in Redis, compared whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) fence: u64,
    /// When the message was due, so that it can be put back in its place.
    pub(crate) due: i64,
    pub(crate) since: i64,
    pub(crate) worker: Arc<str>,
}

impl Lease {
    pub(crate) fn write(&self) -> String {
        format!("{}|{}|{}|{}", self.fence, self.due, self.since, self.worker)
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '|');
        Some(Self {
            fence: parts.next()?.parse().ok()?,
            due: parts.next()?.parse().ok()?,
            since: parts.next()?.parse().ok()?,
            worker: parts.next()?.into(),
        })
    }

    /// As [`Self::read`] for a lease of this worker, whose name is then not copied.
    pub(crate) fn read_own(text: &str, worker: &Arc<str>) -> Option<Self> {
        let rest = text.strip_suffix(&**worker)?.strip_suffix('|')?;
        let mut parts = rest.splitn(3, '|');
        let mut number = || parts.next()?.parse().ok();
        let fence: i64 = number()?;
        Some(Self {
            fence: u64::try_from(fence).ok()?,
            due: number()?,
            since: number()?,
            worker: Arc::clone(worker),
        })
    }
}

/// What a claim brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claimed {
    pub(crate) taken: Vec<Taken>,
    /// How long until the next message of these kinds is due, when none is now.
    pub(crate) next_in_ms: Option<u64>,
    /// Whether more could have been taken.
    pub(crate) more: bool,
}

/// When a message becomes due again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// So many milliseconds from now.
    After(u64),
    /// At a moment, or now if it has passed.
    NotBefore(Timestamp),
    /// At the moment it was due, to keep its place.
    InPlace(i64),
}

impl Again {
    pub(crate) fn at(self, now: i64) -> i64 {
        match self {
            Self::After(delay) => now.saturating_add(i64::try_from(delay).unwrap_or(i64::MAX)),
            Self::NotBefore(Timestamp(moment)) => moment.max(now),
            Self::InPlace(due) => due,
        }
    }
}

/// What becomes of a message after a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is done and gone.
    Done,
    /// It waits again, with this record.
    Wait { again: Again, record: Record },
    /// It is set aside.
    Bury { reason: String, record: Record },
}

/// One run's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) id: Arc<str>,
    /// The lease as it was handed out, whole.
    pub(crate) lease: Arc<str>,
    pub(crate) fate: Fate,
}

/// What a look at expired leases did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rescued {
    /// Back in line.
    pub(crate) rescued: u64,
    /// Set aside, as they took too many workers down.
    pub(crate) poisoned: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let record = Record {
            priority: Priority::High,
            attempts: 3,
            rescues: 1,
            why: "a | b".to_owned(),
            payload: "{\"v\":1}\n|".to_owned(),
        };
        assert_eq!(Record::read(&record.write()), record);
    }

    #[test]
    fn text_that_is_no_record_is_kept_as_a_payload() {
        assert_eq!(Record::read("rubbish").payload, "rubbish");
        assert_eq!(Record::read("9|0|0|\nx").payload, "9|0|0|\nx");
    }
}
