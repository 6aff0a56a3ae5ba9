//! Apple's Apps and Books API v2, simulated, with faults on command.
