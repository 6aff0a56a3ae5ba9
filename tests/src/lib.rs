//! Builds small worlds for stories: a simulated Apple, a whole Russet of real processes, and what they keep their data in.
//!
//! A story sets up a [`World`], acts as an administrator or as Apple would, waits for what anybody could see, and
//! compares it with what the simulator knows to be true. Nothing here looks into Russet's own data.

mod answer;
mod api;
mod apple;
mod dice;
mod line;
mod mdm;
mod port;
mod program;
mod receiver;
mod russet;
mod setup;
mod time;
mod token;
mod wait;
mod work;
mod world;

pub use answer::Answer;
pub use api::Api;
pub use apple::{Apple, License, Location, license};
pub use dice::Dice;
pub use line::{Line, Mood};
pub use mdm::{API_KEY, DECLARATIONS_KEY, WEBHOOK_KEY};
pub use port::free as free_port;
pub use program::Program;
pub use receiver::{Receiver, Told};
pub use russet::{Output, command, russet};
pub use setup::{KEY, Profile, Setup};
pub use time::{millis, next_last_sunday, now_ms};
pub use token::Token;
pub use wait::{PATIENCE, eventually};
pub use world::World;

/// The serial number of a made-up device.
#[must_use]
pub fn serial(number: usize) -> String {
    format!("C0STORY{number:05}")
}

/// The serial numbers of made-up devices, from the number of the first.
#[must_use]
pub fn serials(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(serial).collect()
}

/// The ids of users as the simulator makes them up, from the number of the first; that is at least 1.
#[must_use]
pub fn users(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("user-{number}")).collect()
}

/// The product number of an app as the simulator makes them up, from 1.
#[must_use]
pub fn app(number: usize) -> String {
    (500_000_000 + number).to_string()
}

/// Tells a story twice: on the single profile and on a cluster. The story is an async function of this name that takes
/// a [`Profile`].
#[macro_export]
macro_rules! on_both_profiles {
    ($($story:ident),* $(,)?) => {$(
        mod $story {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_the_single_profile() {
                super::$story($crate::Profile::Single).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_a_cluster() {
                super::$story($crate::Profile::Cluster).await;
            }
        }
    )*};
}
