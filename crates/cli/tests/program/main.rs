//! Stories of one person at a terminal: the program with its real server, against the simulator.

mod keys;
mod people;
mod queue;
mod servers;
mod setup;
