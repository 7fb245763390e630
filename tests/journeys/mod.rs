//! One user story per file, through the real binary in a hermetic directory.

mod bad_input;
mod examples;
mod first_minute;
mod host;
mod kill;
mod operator;
mod user;
