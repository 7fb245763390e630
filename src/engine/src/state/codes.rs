//! The codes of what may be wrong with a state: ACQ0201 to ACQ0299.

use acquire_model::Code;

/// Somebody else holds the lock of the state.
pub const LOCKED: Code = Code(201);
/// The state belongs to another deployment than the one last seen here.
pub const FOREIGN: Code = Code(202);
/// The state is older than one already seen here.
pub const OLDER: Code = Code(203);
/// The state was changed outside of Acquire.
pub const DAMAGED: Code = Code(204);
/// The state is cut short.
pub const TRUNCATED: Code = Code(205);
/// A file of the state is empty.
pub const EMPTY: Code = Code(206);
/// The state that was here is gone, though it had resources.
pub const GONE: Code = Code(207);
/// The state and the one already seen here have gone different ways.
pub const FORKED: Code = Code(208);
/// A file of the state is missing.
pub const MISSING: Code = Code(209);
/// The passphrase does not open the state.
pub const WRONG_PASSPHRASE: Code = Code(210);
/// The state key on this machine does not open the state.
pub const WRONG_KEY: Code = Code(211);
/// The key of the state is not on this machine.
pub const NO_KEY: Code = Code(212);
/// The state is sealed with a passphrase and none was given.
pub const NO_PASSPHRASE: Code = Code(213);
/// The state, or a saved plan, has a format that is not known here.
pub const FORMAT: Code = Code(214);
/// The note of the last state seen here is damaged.
pub const HEAD: Code = Code(215);
/// The state cannot be written.
pub const WRITE: Code = Code(216);
/// The state cannot be read.
pub const READ: Code = Code(217);
/// The state cannot be written any more in this run.
pub const BROKEN: Code = Code(218);
/// A saved plan was made for another state.
pub const PLAN_FOREIGN: Code = Code(219);
/// A file is not a saved plan, or was edited.
pub const PLAN_EDITED: Code = Code(220);
/// A saved plan is older than the state.
pub const PLAN_STALE: Code = Code(221);
/// A record is larger than the state takes.
pub const TOO_LARGE: Code = Code(222);
/// Events do not follow from each other.
pub const ILLEGAL: Code = Code(223);
/// The state key cannot be used.
pub const CRYPTO: Code = Code(224);
/// Somebody else took the lock of the state over.
pub const FENCED: Code = Code(225);
/// The lock of the state may be lost, since no beat arrived in time.
pub const LAPSED: Code = Code(226);
/// The state was taken to another home.
pub const MOVED: Code = Code(227);
/// The bucket does not keep a promise that a state rests on.
pub const UNSOUND: Code = Code(228);
/// There is a state already where one is to be taken.
pub const OCCUPIED: Code = Code(229);
/// The state is not at the serial that was expected.
pub const SERIAL: Code = Code(230);
/// The state is sealed with a passphrase and has no key file.
pub const KEYLESS: Code = Code(231);
/// The place that is named for a state cannot be one.
pub const PLACE: Code = Code(232);
/// The key that an operator signs with cannot be read.
pub const OPERATOR_KEY: Code = Code(240);
