//! One policy: its name, and the values it can have.

use crate::install::Window;
use crate::rollout::Rings;

/// One policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name. Rows and clients hold it; it never changes.
    pub name: &'static str,
    /// The words that it can be set to.
    pub values: &'static [&'static str],
    /// The least and the most number that it can be set to instead; nothing when it takes no numbers.
    pub numbers: Option<(u64, u64)>,
    /// The texts that it can be set to instead.
    pub texts: Option<Texts>,
    /// What holds when nobody decided.
    pub default: &'static str,
    /// What it decides, in a sentence for administrators, with the rule.
    pub about: &'static str,
}

/// Texts that a policy can be set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// A part of each day, see [`Window`].
    Window,
    /// Percentages, see [`Rings`].
    Rings,
}

impl Texts {
    fn fits(self, text: &str) -> bool {
        match self {
            // One spelling for each, so that what is stored is what was meant.
            Self::Window => text.parse::<Window>().is_ok_and(|window| window.to_string() == text),
            Self::Rings => text.parse::<Rings>().is_ok(),
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Window => "two times of a day, such as 22:00-05:00",
            Self::Rings => "percentages that grow up to 100, such as 1,10,100",
        }
    }
}

impl Policy {
    /// Checks a value that somebody wants to set.
    ///
    /// # Errors
    /// What it should be, in words that follow “it should be”.
    pub fn check(&self, value: &str) -> Result<(), String> {
        let fits = |(least, most): (u64, u64)| {
            // One spelling for each number, so that what is stored is what was meant.
            value
                .parse()
                .is_ok_and(|number: u64| (least..=most).contains(&number) && number.to_string() == value)
        };
        if self.values.contains(&value)
            || self.numbers.is_some_and(fits)
            || self.texts.is_some_and(|texts| texts.fits(value))
        {
            return Ok(());
        }
        let words = (!self.values.is_empty()).then(|| format!("`{}`", self.values.join("`, `")));
        let numbers = self.numbers.map(|(least, most)| format!("a number from {least} to {most}"));
        let texts = self.texts.map(|texts| texts.example().to_owned());
        Err([words, numbers, texts].into_iter().flatten().collect::<Vec<_>>().join(", or "))
    }
}
