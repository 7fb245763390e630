//! The promises of log-in and sessions, shown over a store in memory.

/// What one-time codes and recovery codes are good for, and for how often.
mod codes;
/// What guessing costs, and whom.
mod guesses;
/// Who registers, logs in and out, with which devices and for how long.
mod log_ins;

use super::testing::{Mortal, Person, World};
use super::{Kind, Newcomer, PasswordChange, Status};
use crate::frame::Fault;
use crate::frame::testing::{TestEntropy, session_key};
use acquire_envelope::exception::{Class, Exception};
use acquire_model::uid::Uid;
use acquire_model::{Clock, SecretText};
use serde_json::{Value, json};

fn text(fault: Fault) -> String {
    Exception::from(fault).to_json().to_string()
}

fn class<T>(outcome: Result<T, Fault>) -> Class {
    outcome.err().expect("it is refused").class()
}

fn wrong(person: &Person) -> Person {
    Person { password: SecretText::new("00000000000000000000000000000000"), ..person.clone() }
}

fn nobody(name: &str, person: &Person) -> Person {
    Person { name: name.into(), ..person.clone() }
}

fn session_uid(n: u8) -> Uid {
    format!("{n:08x}-0000-4000-8000-000000000000").parse().unwrap()
}
