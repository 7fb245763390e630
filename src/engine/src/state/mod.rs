//! The state: a sealed, chained journal of what was done, and the fold of it.
//!
//! A journal lies in a directory, one append-only file per lock epoch. Every record is sealed under the state key and
//! chained to the one before; the newest link (the *head*) is kept in a second place, in the user's configuration
//! directory, so that an old copy, a foreign, a damaged or a shortened journal is refused by name.
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

/// The bytes of a journal file.
mod format;

/// The newest link, kept in a second place.
mod head;

/// Reading a journal and telling what is wrong with it.
mod journal;

/// One writer at a time.
mod lock;

/// Writing a journal.
mod disk;

/// Holding the lock, and what can be done with it.
mod session;

/// Accepting what is good of a state that was refused.
mod repair;

/// Keeping a plan in a file.
mod saved;

pub use event::{Event, InDoubt, Intent, Recorded, Run, State};
pub use key::StateKey;
pub use location::Location;
pub use repair::{Repair, inspect, repair};
pub use saved::{is_plan, open_plan, seal_plan};
pub use session::{Opened, Seen, Session, read};

#[cfg(test)]
mod tests;
