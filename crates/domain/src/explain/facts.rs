//! What is known of one asset and one holder.

use crate::change::{Action, State};
use crate::holder::Holder;
use crate::policy::Policies;
use crate::reconcile::{Claim, Standing};

/// What is known of one asset and one holder.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Who it is about.
    pub holder: &'a Holder,
    /// Whether the directory knows the holder.
    pub known: bool,
    /// What is.
    pub standing: &'a Standing,
    /// The assignments that reach the holder.
    pub claims: &'a [Claim],
    /// The place in the line, while the holder waits there.
    pub place: Option<Place>,
    /// The newest change, ended or not.
    pub last: Option<Last<'a>>,
    /// What the token goes by.
    pub policies: &'a Policies,
}

/// Where a holder stands in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The place; 1 is the head.
    pub number: i64,
    /// How many wait in all.
    pub of: i64,
    /// How many of them will be served before him.
    pub ahead: i64,
    /// The quota of the assignment, when it is used up and that is what he waits for.
    pub quota: Option<i64>,
}

/// The newest change of the asset and the holder.
#[derive(Clone, Copy, Debug)]
pub struct Last<'a> {
    /// Which way the license was to move.
    pub action: Action,
    /// Where it has got to.
    pub state: State,
    /// Why it ended as it did.
    pub code: Option<&'a str>,
    /// The job that asked for it.
    pub job: Option<i64>,
}
