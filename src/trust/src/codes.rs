use acquire_model::Code;

/// A service does not answer.
pub const SILENT: Code = Code(401);
/// Whoever answers does not hold the keys that the service was given.
pub const UNPROVED: Code = Code(402);
/// A service answers as another: uid, type or URL differ.
pub const ANOTHER: Code = Code(403);
/// A service runs another binary than the one that was applied.
pub const BINARY: Code = Code(404);
/// The end-to-end flow failed.
pub const FLOW: Code = Code(405);
/// A service was made but never introduced to its registry.
pub const UNREGISTERED: Code = Code(406);
