use acquire_model::Code;

/// A provider that the spec or the state names is not built into this binary.
pub const NO_PROVIDER: Code = Code(110);
/// A provider does not provide a kind of resource.
pub const NO_KIND: Code = Code(111);
/// A resource could not be read.
pub const NOT_READ: Code = Code(112);
/// A reference names an attribute that its resource does not have.
pub const NO_ATTRIBUTE: Code = Code(113);
/// Data would have to be deleted to do what the spec says.
pub const DATA_WOULD_GO: Code = Code(114);
/// A plan was made for something else than what is there now.
pub const STALE: Code = Code(115);
/// A plan is of a format that this binary does not know.
pub const UNKNOWN_FORMAT: Code = Code(116);
/// A reference leads to a sensitive value, of which the state holds only a fingerprint.
pub const SENSITIVE_REFERENCE: Code = Code(117);
/// A selector of `-target`, `-exclude` or `-replace` selects nothing.
pub const NOT_SELECTED: Code = Code(118);
/// Something protected would have to be deleted.
pub const PROTECTED: Code = Code(119);
/// An invariant of planning does not hold.
pub const BUG: Code = Code(199);
