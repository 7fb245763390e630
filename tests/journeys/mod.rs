//! One user story per file, through the real binary in a hermetic directory.

mod bad_input;
mod canary;
mod examples;
mod first_minute;
mod history;
mod host;
mod kill;
mod operator;
mod person;
mod planning;
mod policy;
mod requests;
mod rollback;
mod tampered;
mod test_command;
mod user;
