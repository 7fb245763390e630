//! The codes of what the command line itself finds wrong: ACQ0500 to ACQ0599.

use acquire_model::Code;

/// The running binary cannot be read.
pub const BINARY: Code = Code(500);
/// There is no spec here or above.
pub const NO_SPEC: Code = Code(501);
/// A file cannot be read or written.
pub const FILE: Code = Code(502);
/// No terminal to ask on, and no flag that answers.
pub const NO_TERMINAL: Code = Code(503);
/// The user's configuration directory is not known.
pub const NO_HOME: Code = Code(504);
/// A provider or host says that something cannot work.
pub const PROVIDER: Code = Code(505);
/// There is no deployment yet.
pub const NOT_APPLIED: Code = Code(506);
/// This process was not started by any host that it knows.
pub const NO_HOST: Code = Code(507);
