//! What a person agrees to before a token is created (rules S-8 and N-29).

/// The number of the text. It goes up with every change of what is agreed to, and an agreement to an older one does not
/// count for a new token.
pub const VERSION: u32 = 1;

/// The four things that are sent to Apple, and nothing else.
pub const THINGS: [&str; 4] = [
    "a generated id for each user (not the person's name)",
    "the location token itself",
    "the Managed Apple ID that you give with the token, and the one and the email address that you give for a user, if any",
    "the serial numbers of managed devices that get licenses",
];

/// How to stop it.
const STOP: &str = "To stop this later, remove the token here and delete the account at Apple.";

/// The whole text, several lines long.
#[must_use]
pub fn text() -> String {
    let things: Vec<String> = THINGS.iter().map(|thing| format!("  - {thing}")).collect();
    format!("Russet will send four things to Apple, and nothing else:\n{}\n{STOP}", things.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_all_four_things_and_how_to_stop() {
        let text = text();
        for word in ["generated id", "location token", "Managed Apple ID", "serial numbers", "To stop"] {
            assert!(text.contains(word), "{word} is missing in: {text}");
        }
    }
}
