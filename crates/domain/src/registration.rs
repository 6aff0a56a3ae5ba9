//! Whether Apple calls us the way we want to be called, and why not
//! (<https://developer.apple.com/documentation/devicemanagement/subscribing-to-notifications>).

/// The types of notification that something is done with, in Apple's words. Of `UNLIMITED_ASSET` only the name is
/// documented: it is a reason to count the assets again.
const READ: [&str; 5] =
    ["ASSET_MANAGEMENT", "ASSET_COUNT", "USER_MANAGEMENT", "USER_ASSOCIATED", "UNLIMITED_ASSET"];

/// Those that Apple has always offered, for when it has not said yet what it offers.
const ALWAYS: [&str; 4] = ["ASSET_MANAGEMENT", "ASSET_COUNT", "USER_MANAGEMENT", "USER_ASSOCIATED"];

/// The types to subscribe to: all that Apple lists and we read. Apple refuses a type that it does not know.
#[must_use]
pub fn wanted_types(listed: &[String]) -> Vec<String> {
    let read = |word: &&str| listed.iter().any(|listed| listed == word);
    let both: Vec<String> = READ.iter().filter(|word| read(word)).map(|word| (*word).to_owned()).collect();
    if both.is_empty() { ALWAYS.map(str::to_owned).to_vec() } else { both }
}

/// Which of our secrets Apple sends along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretSeen {
    /// The one in use.
    Current,
    /// The one that was on its way to take its place.
    Next,
    /// None of ours.
    Other,
}

/// What Apple shows of a location's notifications.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Where it calls.
    pub url: Option<&'a str>,
    /// With which secret.
    pub secret: SecretSeen,
    /// About what.
    pub types: &'a [String],
}

/// How a registration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As it should be.
    Kept,
    /// As it should be, with the secret whose acceptance we had not heard of.
    Confirmed,
    /// Apple calls nobody.
    Lost,
    /// Apple calls somebody else.
    Moved,
    /// Apple calls us with a secret that is none of ours.
    OtherSecret,
    /// Apple calls us about other things than we want to hear of.
    OtherTypes,
}

impl Standing {
    /// Whether nothing has to be done at Apple.
    #[must_use]
    pub fn is_good(self) -> bool {
        match self {
            Self::Kept | Self::Confirmed => true,
            Self::Lost | Self::Moved | Self::OtherSecret | Self::OtherTypes => false,
        }
    }

    /// For the log and for people, after “because”.
    #[must_use]
    pub fn because(self) -> &'static str {
        match self {
            Self::Kept | Self::Confirmed => "all is as it should be",
            Self::Lost => "Apple had no address to call",
            Self::Moved => "Apple called another address",
            Self::OtherSecret => "Apple sent a secret that is not ours",
            Self::OtherTypes => "Apple sent other types of notification than are wanted",
        }
    }
}

/// Compares what Apple shows with what we want. The order of the types does not matter.
#[must_use]
pub fn judge(url: &str, types: &[String], seen: &Seen<'_>) -> Standing {
    match seen.url {
        None => return Standing::Lost,
        Some(other) if other != url => return Standing::Moved,
        Some(_) => {}
    }
    let all = |these: &[String], in_those: &[String]| these.iter().all(|word| in_those.contains(word));
    let same_types = all(types, seen.types) && all(seen.types, types);
    match seen.secret {
        SecretSeen::Other => Standing::OtherSecret,
        SecretSeen::Current | SecretSeen::Next if !same_types => Standing::OtherTypes,
        SecretSeen::Next => Standing::Confirmed,
        SecretSeen::Current => Standing::Kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn what_apple_offers_and_we_read_is_subscribed_to() {
        let listed = words(&["ASSET_COUNT", "SUBSCRIPTION_COUNT", "UNLIMITED_ASSET", "NEW_ONE"]);
        assert_eq!(wanted_types(&listed), ["ASSET_COUNT", "UNLIMITED_ASSET"]);
        assert_eq!(wanted_types(&[]), ALWAYS);
        assert_eq!(wanted_types(&words(&["NEW_ONE"])), ALWAYS);
    }

    #[test]
    fn every_way_to_lose_a_registration_is_told_from_the_others() {
        let types = words(&["ASSET_COUNT", "ASSET_MANAGEMENT"]);
        let turned = words(&["ASSET_MANAGEMENT", "ASSET_COUNT"]);
        let fewer = words(&["ASSET_COUNT"]);
        let here = Some("https://a.example/n/1");
        let cases = [
            (here, SecretSeen::Current, &turned, Standing::Kept),
            (here, SecretSeen::Next, &types, Standing::Confirmed),
            (None, SecretSeen::Other, &types, Standing::Lost),
            (Some("https://b.example/n/1"), SecretSeen::Current, &types, Standing::Moved),
            (here, SecretSeen::Other, &types, Standing::OtherSecret),
            (here, SecretSeen::Current, &fewer, Standing::OtherTypes),
            (here, SecretSeen::Next, &fewer, Standing::OtherTypes),
        ];
        for (url, secret, seen, wanted) in cases {
            let found = judge("https://a.example/n/1", &types, &Seen { url, secret, types: seen });
            assert_eq!(found, wanted, "{url:?} {secret:?}");
            assert_eq!(found.is_good(), matches!(wanted, Standing::Kept | Standing::Confirmed));
        }
    }
}
