//! Draws every random choice of the simulator from one seed, so that a run can be repeated exactly.

use uuid::Uuid;

/// A stream of numbers that depends on nothing but its seed.
///
/// This is SplitMix64. It is written out here, and not taken from a crate, because a release of that crate
/// could change the numbers, and with them every id of a recorded run.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// A stream of its own for one purpose, so that one more draw here does not shift the draws there.
    pub(crate) fn stream(seed: u64, purpose: &str) -> Self {
        Self(purpose.bytes().fold(seed, |state, byte| mix(state ^ u64::from(byte))))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A version 4 UUID in its usual spelling, as Apple's event and notification ids look.
    pub(crate) fn uuid(&mut self) -> String {
        let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
    }

    /// True with this probability: 0 is never, 1 is always.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        #[allow(clippy::cast_precision_loss)] // 53 bits are exact in an f64.
        let drawn = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < probability
    }

    /// Thirty-two bytes for a secret.
    pub(crate) fn secret(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.next().to_be_bytes());
        }
        bytes
    }
}

/// Spreads the bits of a number over all 64: equal in, equal out, and neighbors far apart.
pub(crate) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// The number of a text, for hashing; the same on every machine and in every release.
pub(crate) fn mix_text(start: u64, text: &str) -> u64 {
    let mut state = start;
    for chunk in text.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = mix(state ^ u64::from_le_bytes(word));
    }
    mix(state ^ text.len() as u64)
}

/// A UUID in its usual spelling made from two numbers.
pub(crate) fn uuid_of(high: u64, low: u64) -> Uuid {
    uuid::Builder::from_random_bytes(((u128::from(high) << 64) | u128::from(low)).to_be_bytes()).into_uuid()
}
