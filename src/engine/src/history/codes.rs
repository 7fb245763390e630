//! The codes of what may be wrong with a history: ACQ0260 to ACQ0269.

use acquire_model::Code;

/// A signature in the history of a state does not hold.
pub const SIGNATURE: Code = Code(260);
/// A resource that somebody asks about was never there.
pub const UNKNOWN: Code = Code(261);
