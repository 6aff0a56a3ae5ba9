//! Decides which ready messages a claim hands out, and which are put off because their token may not call Apple yet.

use std::collections::{BTreeSet, HashMap, HashSet};

use russet_domain::TokenId;

use crate::contract::LANE_MAX;
use crate::message::token_of;
use crate::pace::{Gate, Paces};
use crate::{AnyJob, Settings};

/// A kind and a priority's digit.
pub(super) type Lane = (String, u8);

/// What waits in a lane, by due time.
pub(super) type Entries = BTreeSet<(i64, String)>;

/// What a claim has decided.
#[derive(Default)]
pub(super) struct Chosen {
    pub(super) taken: Vec<(i64, String)>,
    /// Messages whose token may not call yet, and when they are due again.
    pub(super) put_off: Vec<(String, i64)>,
    /// Lanes left alone until it is known whether Apple is back.
    pub(super) shut: HashSet<Lane>,
}

/// The moment of a claim, and what it goes by.
pub(super) struct Moment<'a> {
    pub(super) settings: &'a Settings,
    pub(super) now: i64,
    pub(super) micros: i64,
}

/// The messages of these lanes with the earliest due time less head start, at most `max`.
pub(super) fn choose<'a>(
    lanes: impl Iterator<Item = (&'a Lane, &'a Entries)>,
    max: usize,
    paces: &mut Paces,
    moment: &Moment<'_>,
) -> Chosen {
    let mut heads = heads(lanes, max, paces.gate(moment.now), moment);
    let mut turns = Turns { gate: paces.gate(moment.now), seen: HashMap::new(), paces, moment };
    let mut chosen = Chosen::default();
    // As over Redis, where times are dear: what is taken from a single lane shares the first one's. All that are due
    // earlier than the last of them are among them, so that one that is put back passes nobody.
    let shared = match &mut heads[..] {
        [only] if !only.is_paced => only.entries.peek().map(|first| first.0),
        _ => None,
    };
    while chosen.taken.len() < max {
        // A lane of which as much was taken as may be looked at might have more that goes first.
        let cut = heads.iter().any(Head::is_used_up);
        let best = heads
            .iter_mut()
            .filter_map(|head| Some((head.rank(moment.now)?, head)))
            .min_by_key(|(rank, _)| *rank);
        let Some((_, best)) = best.filter(|_| !cut) else { break };
        let Some((due, id)) = best.entries.peek() else { break };
        let turn = if best.is_paced { turns.of(id) } else { Turn::Now };
        match turn {
            Turn::Now => chosen.taken.push((shared.unwrap_or(*due), id.clone())),
            Turn::Later(at) => chosen.put_off.push((id.clone(), at)),
            Turn::AfterProbe => {
                best.shut = true;
                chosen.shut.insert(best.lane.clone());
                continue;
            }
        }
        best.entries.next();
        best.taken += 1;
    }
    chosen
}

fn heads<'a>(
    lanes: impl Iterator<Item = (&'a Lane, &'a Entries)>,
    max: usize,
    gate: Gate,
    moment: &Moment<'_>,
) -> Vec<Head<'a>> {
    let may = |lane: &Lane| !(matches!(gate, Gate::Shut(_)) && AnyJob::is_paced(&lane.0));
    let ready: Vec<_> = lanes
        .filter(|(lane, entries)| entries.first().is_some_and(|first| first.0 <= moment.now) && may(lane))
        .collect();
    let limit = if ready.len() > 1 { max.min(LANE_MAX) } else { max };
    let step = i64::try_from(moment.settings.head_start_ms).unwrap_or(i64::MAX);
    ready.into_iter().map(|(lane, entries)| Head::new(lane, entries, step, limit)).collect()
}

/// Whether a message may be handed out as far as calling Apple goes.
enum Turn {
    Now,
    /// Not before then, in milliseconds.
    Later(i64),
    /// Not before it is known whether Apple is back.
    AfterProbe,
}

/// Whose turn it is to call Apple.
struct Turns<'a> {
    gate: Gate,
    /// How often each token was seen in this claim: its second message has to wait for its second turn.
    seen: HashMap<TokenId, i64>,
    paces: &'a mut Paces,
    moment: &'a Moment<'a>,
}

impl Turns<'_> {
    fn of(&mut self, id: &str) -> Turn {
        if matches!(self.gate, Gate::Shut(_)) {
            return Turn::AfterProbe;
        }
        let Moment { settings, now, micros } = *self.moment;
        // A key without a token is of no token's that there is.
        let token = token_of(id).unwrap_or(TokenId(-1));
        let nth = self.seen.entry(token).or_default();
        let early = self.paces.too_early(token, *nth, micros, settings.default_rate);
        *nth += 1;
        if let Some(at) = early {
            return Turn::Later(at);
        }
        if self.gate == Gate::Probe {
            self.gate = Gate::Shut(self.paces.reserve_probe(token, now));
        }
        Turn::Now
    }
}

/// How far a claim has got in one lane.
struct Head<'a> {
    lane: &'a Lane,
    start: i64,
    /// Whether its messages call Apple.
    is_paced: bool,
    /// Whether nothing more is taken from it.
    shut: bool,
    entries: std::iter::Peekable<std::collections::btree_set::Iter<'a, (i64, String)>>,
    taken: usize,
    limit: usize,
}

impl<'a> Head<'a> {
    fn new(lane: &'a Lane, entries: &'a Entries, step: i64, limit: usize) -> Self {
        Self {
            lane,
            start: i64::from(lane.1) * step,
            is_paced: AnyJob::is_paced(&lane.0),
            shut: false,
            entries: entries.iter().peekable(),
            taken: 0,
            limit,
        }
    }

    fn is_used_up(&self) -> bool {
        !self.shut && self.taken == self.limit
    }

    /// The due time less head start of the lane's next message, if that is due.
    fn rank(&mut self, now: i64) -> Option<i64> {
        if self.shut {
            return None;
        }
        let due = self.entries.peek()?.0;
        (due <= now).then_some(due - self.start)
    }
}
