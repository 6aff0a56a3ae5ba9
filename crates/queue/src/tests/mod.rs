//! The contract, kept by both queues: one suite, run on each; and what a real Redis may do to one of them.

mod contract;
mod faults;
mod hand;
mod lead;
mod model;
mod pace;
mod paced;
mod running;
mod seen;
mod server;
mod support;

/// Makes of each story two tests, one over Redis and one in process.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod in_process {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::tests::support::Place::in_process()).await;
            })*
        }

        mod over_redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::tests::support::Place::over_redis()).await;
            })*
        }
    };
}

pub(crate) use on_both;
