//! Stories of one person at a terminal: the program with its real server, against the simulator.

mod keys;
mod people;
mod servers;
mod setup;
