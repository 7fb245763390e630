//! How the process ends: one table.

use std::process::ExitCode;

/// How the process ends.
///
/// | code | meaning |
/// |---|---|
/// | 0 | done; nothing to change |
/// | 1 | an error, or wrong usage of the command line; the message says whether anything was changed |
/// | 2 | `-detailed-exitcode`: there are changes |
/// | 3 | done in part: some steps failed or data was kept; run it again, or see the last line |
/// | 4 | made, but not proven alive |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// An error.
    Error,
    /// There are changes.
    Changes,
    /// Done in part.
    Partial,
    /// Made, but not proven alive.
    NotVerified,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Changes => 2,
            Self::Partial => 3,
            Self::NotVerified => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
