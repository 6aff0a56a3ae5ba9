//! How a newer version goes out: to a few devices first, then to more, and to no more when too many of them fail.

use std::str::FromStr;
use std::time::Duration;

/// Shares of the devices, in percent, that grow up to all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rings(Vec<u8>);

impl Default for Rings {
    /// All at once.
    fn default() -> Self {
        Self(vec![100])
    }
}

/// The most rings.
const RINGS_MAX: usize = 10;

/// Why a text is no list of rings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("should be percentages that grow up to 100, such as 1,10,100")]
pub struct RingsError;

impl FromStr for Rings {
    type Err = RingsError;

    fn from_str(text: &str) -> Result<Self, RingsError> {
        let rings: Vec<u8> =
            text.split(',').map(|part| part.parse().map_err(|_| RingsError)).collect::<Result<_, _>>()?;
        let grows = rings.windows(2).all(|pair| pair[0] < pair[1]);
        let ends = rings.last() == Some(&100) && rings.first() != Some(&0);
        (grows && ends && rings.len() <= RINGS_MAX).then_some(Self(rings)).ok_or(RingsError)
    }
}

impl Rings {
    /// The share of a ring; that of the last for any after it, so that a list that was made shorter leaves nobody behind.
    #[must_use]
    pub fn percent(&self, ring: usize) -> u8 {
        self.0.get(ring).or(self.0.last()).copied().unwrap_or(100)
    }

    /// Whether this is the last one.
    #[must_use]
    pub fn is_last(&self, ring: usize) -> bool {
        ring + 1 >= self.0.len()
    }
}

/// The place of a device among all, from 0 to 99, for one app: another for each app, so that the same few devices are not first
/// every time; the same whenever it is asked for.
///
/// ```
/// use russet_domain::rollout::place;
///
/// assert!(place("C02XK0AAJGH5", "361309726") < 100);
/// ```
#[must_use]
pub fn place(serial: &str, adam_id: &str) -> u8 {
    // FNV-1a, whose low bits are well mixed for short texts once they are folded.
    let hash =
        serial.bytes().chain([0]).chain(adam_id.bytes()).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    u8::try_from((hash ^ (hash >> 32)) % 100).unwrap_or(0)
}

/// How a token's newer versions go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// To whom first.
    pub rings: Rings,
    /// How long a version stays with one ring.
    pub soak: Duration,
    /// From which share of failures on it goes to no more devices.
    pub halt_percent: Option<u64>,
}

/// The installs of a version, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that have not ended.
    pub open: u64,
    /// Those whose devices report the version.
    pub installed: u64,
    /// Those that failed or rest.
    pub failed: u64,
}

/// From how many ended installs on the share of failures says something.
const TELLING: u64 = 5;

/// What becomes of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It stays with its ring.
    Stay,
    /// It goes to the next one.
    Advance,
    /// It goes to no more devices.
    Halt,
}

/// Decides whether a version goes to more devices. A ring whose devices sleep keeps nobody waiting for ever: after the soak one
/// that has the version is enough, or that there is none.
#[must_use]
pub fn judge(rules: &Rules, counts: Counts, in_ring: Duration, ring: usize) -> Judgement {
    let ended = counts.installed + counts.failed;
    let fails = |percent: u64| ended >= TELLING && counts.failed * 100 >= percent * ended;
    if rules.halt_percent.is_some_and(fails) {
        return Judgement::Halt;
    }
    let is_proved = counts.installed > 0 || (counts.open == 0 && counts.failed == 0);
    if !rules.rings.is_last(ring) && in_ring >= rules.soak && is_proved {
        return Judgement::Advance;
    }
    Judgement::Stay
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rings: &str) -> Rules {
        Rules { rings: rings.parse().unwrap(), soak: Duration::from_secs(60), halt_percent: Some(20) }
    }

    const LONG: Duration = Duration::from_secs(3_600);

    #[test]
    fn rings_grow_and_end_with_all() {
        for wrong in
            ["", "1", "0,100", "10,1,100", "1,1,100", "1,10,101", "a,100", "1,2,3,4,5,6,7,8,9,10,100"]
        {
            assert_eq!(wrong.parse::<Rings>(), Err(RingsError), "{wrong}");
        }
        let rings: Rings = "1,10,100".parse().unwrap();
        assert_eq!([0, 1, 2, 9].map(|ring| rings.percent(ring)), [1, 10, 100, 100]);
    }

    #[test]
    fn places_are_spread_and_differ_by_app() {
        let mut counts = [0_u32; 100];
        for number in 0..20_000 {
            counts[usize::from(place(&format!("C02{number:09}"), "361309726"))] += 1;
        }
        // 200 each on the average.
        assert!(counts.iter().all(|count| (100..300).contains(count)), "{counts:?}");
        let differ = (0..100).filter(|number| {
            let serial = format!("S{number}");
            place(&serial, "1") != place(&serial, "2")
        });
        assert!(differ.count() > 80);
    }

    #[test]
    fn too_many_failures_halt_and_few_do_not() {
        let rules = rules("1,10,100");
        let counts = |installed, failed| Counts { open: 3, installed, failed };
        assert_eq!(judge(&rules, counts(8, 2), LONG, 0), Judgement::Halt);
        assert_eq!(judge(&rules, counts(9, 2), LONG, 0), Judgement::Advance);
        assert_eq!(judge(&rules, counts(0, 4), LONG, 0), Judgement::Stay, "four are too few to tell");
        let never = Rules { halt_percent: None, ..rules };
        assert_eq!(judge(&never, counts(0, 50), LONG, 0), Judgement::Stay, "nobody has proved it");
    }

    #[test]
    fn a_version_stays_with_a_ring_until_it_has_soaked() {
        let rules = rules("10,100");
        let counts = Counts { open: 0, installed: 7, failed: 0 };
        assert_eq!(judge(&rules, counts, Duration::from_secs(59), 0), Judgement::Stay);
        assert_eq!(judge(&rules, counts, LONG, 0), Judgement::Advance);
        assert_eq!(judge(&rules, counts, LONG, 1), Judgement::Stay, "there is no ring after the last");
        assert_eq!(judge(&rules, Counts::default(), LONG, 0), Judgement::Advance, "a ring without devices");
    }
}
