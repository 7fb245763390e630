use acquire_model::Code;

/// An assertion of a test is not true.
pub const NOT_TRUE: Code = Code(150);
/// A run of a test did not fail as it should.
pub const NOT_FAILED: Code = Code(151);
/// A test asks for something that there is not after such a run.
pub const NOT_THERE: Code = Code(152);
