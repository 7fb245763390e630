//! The accounting service: accounts, transfers, cheques, receipts and refunds. It has only the common functions so far.

use crate::frame::Function;

/// Its own functions.
pub(crate) const FUNCTIONS: &[Function] = &[];
