//! Runs a simulator by itself: `cargo run -p russet-simulator --example simulator -- 127.0.0.1:8444`.
#![allow(clippy::print_stdout)] // It is a program of its own.

use std::net::SocketAddr;

use russet_simulator::{Settings, Simulator};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listen: SocketAddr = std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8444").parse()?;
    let simulator = Simulator::start(Settings { listen, ..Settings::default() }).await?;
    println!("Apple is at {}, everything else at {}", simulator.apple_url(), simulator.url());
    simulator.stopped().await;
    Ok(())
}
