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
/// The command line is not what the command understands.
pub const USAGE: Code = Code(508);
/// A file that would be written is there already.
pub const EXISTS: Code = Code(510);
/// There is no such service or resource in the state.
pub const NOT_IN_STATE: Code = Code(511);
/// Something of the deployment is still there after a destroy.
pub const LEFT_OVER: Code = Code(512);
/// The command was interrupted before the running steps ended.
pub const INTERRUPTED: Code = Code(513);
/// There are no tests of a spec.
pub const NO_TESTS: Code = Code(520);
/// There is no verified binary to go back to.
pub const NO_VERSION: Code = Code(530);
