//! A time of leading: who does what only one may do.

/// Proof of leading a role until a moment, unless renewed.
///
/// The fence grows from term to term and survives a Redis that lost everything, so that what an older leader still
/// writes can be told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// What is led.
    pub role: String,
    /// Who leads.
    pub who: String,
    /// Grows with every change of leader.
    pub fence: u64,
}
