use acquire_model::Code;

/// A provider refused a call for good.
pub const REFUSED: Code = Code(301);
/// A provider did not answer: the call may or may not have had its effect.
pub const IN_DOUBT: Code = Code(302);
/// A store breaks a promise that the services rest on.
pub const UNSOUND_STORE: Code = Code(303);
/// An attribute that a step needs is not there although its resource is.
pub const NO_ATTRIBUTE: Code = Code(304);
/// A kind of resource cannot be provided by the provider that the plan names.
pub const NOT_PROVIDED: Code = Code(305);
/// A reference came to a sensitive value, of which the state holds only a fingerprint.
pub const SENSITIVE_REFERENCE: Code = Code(306);
/// What is to be imported is in the state already.
pub const ALREADY_THERE: Code = Code(307);
/// What is to be imported is not there.
pub const NOT_THERE: Code = Code(308);
/// An invariant of ours does not hold.
pub const BUG: Code = Code(399);
