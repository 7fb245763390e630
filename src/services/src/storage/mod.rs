//! The storage service: drives and versioned files. It has only the common functions so far.

use crate::frame::Function;

/// Its own functions.
pub(crate) const FUNCTIONS: &[Function] = &[];
