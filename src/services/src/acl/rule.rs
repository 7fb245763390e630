use super::Error;

/// One rule: each bit allowed, denied, or inherited (`None`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// May change who may do what.
    pub owner: Option<bool>,
    /// May read.
    pub readable: Option<bool>,
    /// May write.
    pub writeable: Option<bool>,
    /// May execute.
    pub executable: Option<bool>,
}

/// How a rule is combined with what was found before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operation {
    /// The most permissive of both.
    #[default]
    Max,
    /// The least permissive of both.
    Min,
    /// What the first allows and the second does not.
    Sub,
    /// This rule, and nothing after it.
    Set,
}

impl Operation {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Max, "max"), (Self::Min, "min"), (Self::Sub, "sub"), (Self::Set, "set")];

    /// Its word on the wire.
    pub fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(operation, _)| *operation == self).map_or("max", |(_, word)| word)
    }

    /// Reads its word.
    pub fn from_word(word: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|(_, known)| *known == word);
        found.map(|(operation, _)| operation).ok_or_else(|| Error::Word(word.chars().take(64).collect()))
    }
}

impl Rule {
    /// Everything.
    pub const OWNER: Self = Self::of(true, true, true, true);
    /// Reads, writes and executes.
    pub const EXECUTER: Self = Self::of(false, true, true, true);
    /// Reads and writes.
    pub const WRITER: Self = Self::of(false, true, true, false);
    /// Reads.
    pub const READER: Self = Self::of(false, true, false, false);
    /// Nothing.
    pub const DENIED: Self = Self::of(false, false, false, false);
    /// Whatever is said further up.
    pub const INHERIT: Self = Self { owner: None, readable: None, writeable: None, executable: None };

    /// The rules that have a word on the wire.
    pub(super) const NAMED: [(Self, &'static str); 6] = [
        (Self::OWNER, "owner"),
        (Self::EXECUTER, "executer"),
        (Self::WRITER, "writer"),
        (Self::READER, "reader"),
        (Self::DENIED, "denied"),
        (Self::INHERIT, "inherits"),
    ];

    const fn of(owner: bool, readable: bool, writeable: bool, executable: bool) -> Self {
        Self { owner: Some(owner), readable: Some(readable), writeable: Some(writeable), executable: Some(executable) }
    }

    /// Whether no bit is inherited.
    pub fn is_resolved(self) -> bool {
        [self.owner, self.readable, self.writeable, self.executable].iter().all(Option::is_some)
    }

    /// Returns its text in the fingerprint of a pre-authenticated request: `owner.exec.write.read`.
    ///
    /// # Errors
    /// `Unresolved` if a bit is inherited.
    pub fn fingerprint(self) -> Result<String, Error> {
        let bits: Option<Vec<&str>> = [self.owner, self.executable, self.writeable, self.readable]
            .into_iter()
            .map(|bit| bit.map(|set| if set { "1" } else { "0" }))
            .collect();
        bits.map(|bits| bits.join(".")).ok_or(Error::Unresolved)
    }

    /// Combines it with the one that follows.
    #[must_use]
    pub fn combine(self, operation: Operation, next: Self) -> Self {
        match operation {
            Operation::Max => self.zip(next, |a, b| either(a, b, |a, b| a || b)),
            Operation::Min => self.zip(next, |a, b| either(a, b, |a, b| a && b)),
            Operation::Sub => self.zip(next, subtract),
            Operation::Set => next,
        }
    }

    /// Takes the bits it inherits from a rule further up.
    #[must_use]
    pub fn or(self, upstream: Self) -> Self {
        self.zip(upstream, |own, above| own.or(above))
    }

    /// Resolves it: inherited bits come from upstream; those still open are `unresolved` if it must be resolved.
    #[must_use]
    pub fn resolve(self, upstream: Option<Self>, last: Option<bool>) -> Self {
        let filled = upstream.map_or(self, |upstream| self.or(upstream));
        filled.zip(Self::INHERIT, |bit, _| bit.or(last))
    }

    fn zip(self, other: Self, bit: impl Fn(Option<bool>, Option<bool>) -> Option<bool>) -> Self {
        Self {
            owner: bit(self.owner, other.owner),
            readable: bit(self.readable, other.readable),
            writeable: bit(self.writeable, other.writeable),
            executable: bit(self.executable, other.executable),
        }
    }
}

fn either(a: Option<bool>, b: Option<bool>, both: impl Fn(bool, bool) -> bool) -> Option<bool> {
    match (a, b) {
        (Some(a), Some(b)) => Some(both(a, b)),
        (one, other) => one.or(other),
    }
}

/// An inherited bit takes nothing away on the right, and on the left is denied by what is taken from it.
fn subtract(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (None, Some(true)) => Some(false),
        (a, b) => a.map(|a| a && b != Some(true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acl::json::tests::vectors;
    use proptest::prelude::*;

    fn any_rule() -> impl Strategy<Value = Rule> {
        (any::<[Option<bool>; 4]>()).prop_map(|[owner, readable, writeable, executable]| Rule {
            owner,
            readable,
            writeable,
            executable,
        })
    }

    #[test]
    fn operations_give_what_the_original_gave() {
        let rows = vectors()["acl_operations"].as_array().unwrap().clone();
        assert_eq!(rows.len(), 64);
        for row in rows {
            let [a, b] = ["a", "b"].map(|name| Rule::from_json(&row[name]).unwrap().unwrap());
            for (operation, word) in [(Operation::Max, "max"), (Operation::Min, "min"), (Operation::Sub, "sub")] {
                let expected = Rule::from_json(&row[word]).unwrap().unwrap();
                assert_eq!(a.combine(operation, b), expected, "{word} of {row}");
            }
        }
    }

    #[test]
    fn fingerprints_are_digits_and_only_of_resolved_rules() {
        let texts: Vec<String> = [Rule::OWNER, Rule::READER, Rule::WRITER, Rule::EXECUTER, Rule::DENIED]
            .into_iter()
            .map(|rule| rule.fingerprint().unwrap())
            .collect();
        assert_eq!(texts, ["1.1.1.1", "0.0.0.1", "0.0.1.1", "0.1.1.1", "0.0.0.0"]);
        assert_eq!(Rule::INHERIT.fingerprint(), Err(Error::Unresolved));
    }

    proptest! {
        #[test]
        fn max_and_min_commute_and_inherit_is_neutral(a in any_rule(), b in any_rule()) {
            for operation in [Operation::Max, Operation::Min] {
                prop_assert_eq!(a.combine(operation, b), b.combine(operation, a));
                prop_assert_eq!(a.combine(operation, Rule::INHERIT), a);
                prop_assert_eq!(a.combine(operation, a), a);
            }
        }

        #[test]
        fn a_forced_resolution_leaves_nothing_open(a in any_rule(), b in any_rule(), last in any::<bool>()) {
            prop_assert!(a.resolve(Some(b), Some(last)).is_resolved());
            prop_assert_eq!(a.resolve(Some(b), None), a.or(b));
        }

        #[test]
        fn subtracting_never_adds_a_right(a in any_rule(), b in any_rule()) {
            let less = a.combine(Operation::Sub, b);
            for (before, after) in [(a.owner, less.owner), (a.readable, less.readable), (a.writeable, less.writeable)] {
                prop_assert!(after != Some(true) || before == Some(true));
            }
        }
    }
}
