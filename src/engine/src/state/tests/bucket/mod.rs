//! Tests of homes in buckets, on a memory store, in virtual time.

mod golden;
mod lock;
mod refusals;
mod two_writers;
pub(super) mod world;

use super::*;
use world::{Fault, Users, World, block, seconds};
