use acquire_model::Code;

/// A policy or a precondition denies a plan.
pub const DENIED: Code = Code(145);
/// A policy warns of a plan.
pub const WARNED: Code = Code(146);
/// A policy or a precondition is neither true nor false.
pub const UNDECIDED: Code = Code(147);
