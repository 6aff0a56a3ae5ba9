//! The state of the simulated organization: its locations and the tokens that open them.

pub(crate) mod asset;
pub(crate) mod event;
pub(crate) mod holders;
pub(crate) mod licenses;
pub(crate) mod location;
pub(crate) mod registry;
pub(crate) mod settle;
pub(crate) mod token;
pub(crate) mod user;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::seed::Dice;
use location::Location;
use token::{Token, TokenState};

/// Everything that Apple would know.
pub(crate) struct Organization {
    seed: u64,
    dice: Dice,
    pub(crate) locations: BTreeMap<Arc<str>, Location>,
    /// By the whole base64 text, as it comes in the `Authorization` header.
    pub(crate) tokens: HashMap<String, Token>,
    /// Managed Apple Accounts that are no longer here, and download nothing any more.
    pub(crate) gone_owners: BTreeSet<String>,
}

impl Organization {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            dice: Dice::stream(seed, "organization"),
            locations: BTreeMap::new(),
            tokens: HashMap::new(),
            gone_owners: BTreeSet::new(),
        }
    }

    /// Adds an empty location and returns its `uId`, 16 decimal digits.
    pub(crate) fn add_location(&mut self, name: String, country: String, platform: String) -> Arc<str> {
        let uid = loop {
            let uid = 1_000_000_000_000_000 + self.dice.next() % 9_000_000_000_000_000;
            let uid: Arc<str> = uid.to_string().into();
            if !self.locations.contains_key(&uid) {
                break uid;
            }
        };
        let location = Location::new(Arc::clone(&uid), name, country, platform, self.seed);
        self.locations.insert(Arc::clone(&uid), location);
        uid
    }

    /// Makes another token of a location and returns its content.
    pub(crate) fn add_token(
        &mut self,
        uid: &Arc<str>,
        org_name: &str,
        owner: String,
        expires_ms: i64,
    ) -> String {
        let secret = self.dice.secret();
        let (content, token) = Token::issue(Arc::clone(uid), org_name, owner, expires_ms, secret);
        self.tokens.insert(content.clone(), token);
        content
    }

    /// Makes the good tokens invalid that this is true of, and says how many they were.
    pub(crate) fn invalidate(&mut self, error_number: u16, which: impl Fn(&Token) -> bool) -> usize {
        let mut count = 0;
        for token in self.tokens.values_mut().filter(|token| token.state.is_good()) {
            if which(token) {
                token.state = TokenState::Invalid;
                token.invalid_number = error_number;
                count += 1;
            }
        }
        count
    }
}
