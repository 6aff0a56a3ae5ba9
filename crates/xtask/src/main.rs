//! Tests, benchmarks and gates: cargo xtask.

fn main() {}
