//! How the process ends: one table, which `acquire --help` prints.

use std::process::ExitCode;

/// How the process ends.
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

/// Every way to end.
const ALL: [Exit; 5] = [Exit::Done, Exit::Error, Exit::Changes, Exit::Partial, Exit::NotVerified];

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

    /// What it means to a person or a script.
    fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done; nothing to change",
            Self::Error => "an error, or wrong usage; the message says whether anything was changed",
            Self::Changes => "`-detailed-exitcode`: there are changes",
            Self::Partial => "done in part: some steps failed or data was kept; see the last line",
            Self::NotVerified => "made, but not proven alive; the binary verified before runs again, if there is one",
        }
    }
}

/// The table for people.
pub fn table() -> String {
    let lines: String = ALL.iter().map(|exit| format!("  {}  {}\n", exit.code(), exit.meaning())).collect();
    format!("Exit codes:\n{lines}")
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
