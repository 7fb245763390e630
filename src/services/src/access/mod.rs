//! The access service: requests for paid work. It has only the common functions so far.

use crate::frame::Function;

/// Its own functions.
pub(crate) const FUNCTIONS: &[Function] = &[];
