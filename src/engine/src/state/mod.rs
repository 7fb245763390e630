//! The state: a sealed, chained journal of what was done, and the fold of it.
//!
//! A journal lies in a *home*: a directory, with one append-only file per lock epoch, or a bucket, with one object per
//! group of records. Every record is sealed under the state key and chained to the one before; the newest link (the
//! *head*) is kept in a second place, so that an old copy, a foreign, a damaged or a shortened journal is refused by
//! name. How one writer at a time is kept in a bucket: ADR 6.
//!
//! What this module deliberately does not know: providers, plans (they are bytes here), and the terminal.

/// The error codes.
pub mod codes;

/// What is written to the journal, which order of it is legal, and the fold of it.
mod event;

/// Where a state is kept.
mod location;

/// Why a state cannot be read or written.
mod error;

/// Directories and files that only their owner can read.
mod files;

/// The key that everything is sealed with.
mod key;

/// The bytes of a journal.
mod format;

/// Who holds a lock, and until when it counts.
mod holder;

/// Between a session and what the journal lies in.
mod home;

/// A home in a directory.
mod directory;

/// A home in a bucket.
mod bucket;

/// The newest link, kept in a second place.
mod head;

/// Going along a journal and telling what is wrong with it.
mod walk;

/// A journal that is there and is good.
mod found;

/// Beginning an epoch of a journal whose lock was taken.
mod begin;

/// Holding the lock, and what can be done with it.
mod session;

/// Accepting what is good of a state that was refused.
mod repair;

/// Taking a state to another home.
mod migrate;

/// Keeping a plan in a file.
mod saved;

/// Who works on a state, and the signatures of that.
mod operator;

pub use event::{Binary, Event, InDoubt, Intent, Purpose, Recorded, Run, State};
pub use found::{Opened, Seen, expect_serial, read, replay};
pub use holder::{Holding, Lease};
pub use key::{StateKey, export_key, import_key};
pub use location::{Bucket, Location, Place, Timing};
pub use migrate::{Migrated, migrate};
pub use operator::Operator;
pub use repair::{Repair, inspect, repair};
pub use saved::{is_plan, open_plan, seal_plan};
pub use session::{Session, holding, unlock};
pub use walk::Passage;

#[cfg(test)]
mod tests;
