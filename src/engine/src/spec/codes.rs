//! The error codes of the spec: 0001 to 0099. Each has a page in `docs/errors/`.

use acquire_model::Code;

// One macro, so that the constants and the index of all codes cannot drift apart.
macro_rules! codes {
    ($(#[doc = $meaning:literal] $name:ident = $number:literal;)*) => {
        $(#[doc = $meaning] pub const $name: Code = Code($number);)*

        /// Every code of the spec with what it means.
        pub const ALL: &[(Code, &str)] = &[$((Code($number), $meaning)),*];
    };
}

codes! {
    /// The file is not UTF-8 text.
    NOT_UTF8 = 1;
    /// The spec is too big: bytes, values or environments.
    TOO_BIG = 2;
    /// The text is not YAML.
    NOT_YAML = 3;
    /// The spec says nothing.
    EMPTY = 4;
    /// The file holds several YAML documents.
    SEVERAL_DOCUMENTS = 5;
    /// Values are nested too deep.
    TOO_DEEP = 6;
    /// An alias names no value, or one that is not complete where the alias stands.
    BAD_ALIAS = 7;
    /// YAML that a spec may not use: tags, merge keys, infinities.
    UNSUPPORTED_YAML = 8;
    /// A key is not a plain scalar.
    BAD_KEY = 9;
    /// A key stands twice in one mapping.
    DUPLICATE = 10;
    /// A required field is missing.
    MISSING_FIELD = 11;
    /// A field is not known.
    UNKNOWN_FIELD = 12;
    /// A value is of another type than its field.
    WRONG_TYPE = 13;
    /// A value is not one of the words that its field takes.
    BAD_WORD = 14;
    /// A text is not a length of time.
    BAD_DURATION = 15;
    /// A text is not an amount of memory.
    BAD_MEMORY = 16;
    /// A service needs another one, which the spec does not have.
    MISSING_SERVICE = 17;
    /// A text is not a name.
    BAD_NAME = 18;
    /// A provider is not built into this binary.
    UNKNOWN_PROVIDER = 19;
    /// There is no such service.
    UNKNOWN_SERVICE = 20;
    /// A text is not a domain.
    BAD_DOMAIN = 21;
    /// Two services publish one URL.
    SAME_URL = 22;
    /// A plain resource has the name of a service.
    SERVICE_NAME = 23;
    /// `needs` names nothing that the spec has.
    UNKNOWN_NEED = 24;
    /// The spec has no such environment.
    UNKNOWN_ENVIRONMENT = 25;
    /// A number is out of range.
    OUT_OF_RANGE = 26;
    /// The spec is written for another version of the format.
    UNKNOWN_VERSION = 27;
    /// A provider does not provide that kind of resource.
    UNKNOWN_KIND = 28;
    /// An interpolation is not closed.
    UNCLOSED = 29;
    /// An interpolation is none of those that there are.
    UNKNOWN_INTERPOLATION = 30;
    /// A variable is not declared.
    UNDECLARED_VARIABLE = 31;
    /// A variable has no value.
    VARIABLE_WITHOUT_VALUE = 32;
    /// A value is of another type than its variable.
    WRONG_VARIABLE_TYPE = 33;
    /// An environment variable is not set.
    UNSET_ENVIRONMENT_VARIABLE = 34;
    /// A reference is to a service or a resource that the spec does not have.
    UNKNOWN_REFERENCE = 35;
    /// A value that is known only after apply stands where it must be known before.
    KNOWN_TOO_LATE = 36;
    /// An interpolation stands where the value must be written out.
    NOT_COMPUTED = 37;
    /// Of several fields, exactly one must be given.
    NOT_ONE_OF = 38;
    /// A move does not lead from a name that is gone to one that is there.
    BAD_MOVE = 39;
    /// A sensitive value stands where it would be kept in plain.
    KEPT_IN_PLAIN = 40;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_its_range_and_has_a_page() {
        let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
        for (position, (code, meaning)) in ALL.iter().enumerate() {
            assert_eq!(usize::from(code.0), position + 1);
            let page = std::fs::read_to_string(format!("{pages}/{code}.md")).unwrap_or_default();
            let title = format!("# {code}: {}\n", meaning.trim().trim_end_matches('.'));
            assert!(page.starts_with(&title), "docs/errors/{code}.md must begin with `{title}`");
        }
    }
}
