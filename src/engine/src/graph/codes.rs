use acquire_model::Code;

/// Two resources have one address.
pub const TWO_AT_ONE_ADDRESS: Code = Code(101);
/// An expression refers to a resource that the spec does not have.
pub const REFERENCE_TO_NOTHING: Code = Code(102);
/// `needs` names something that the spec does not have.
pub const NEEDS_NOTHING: Code = Code(103);
/// Resources need each other in a circle.
pub const CYCLE: Code = Code(104);
/// The spec comes to more resources than one deployment may have.
pub const TOO_MANY: Code = Code(105);
/// A picture of the graph would have too many boxes to be read.
pub const TOO_LARGE_TO_DRAW: Code = Code(106);
