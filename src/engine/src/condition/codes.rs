use acquire_model::Code;

/// A condition cannot be read as CEL.
pub const NOT_CEL: Code = Code(140);
/// A condition names something that it cannot see.
pub const UNKNOWN_NAME: Code = Code(141);
/// A condition does not come to true or false, or compares what cannot be alike.
pub const WRONG_TYPE: Code = Code(142);
