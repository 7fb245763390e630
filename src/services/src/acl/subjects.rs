use super::Rule;
use std::collections::{BTreeMap, BTreeSet};

/// Who asks: the guids of the user and of the user's groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identifiers {
    /// Users: one, unless several act together.
    pub users: BTreeSet<String>,
    /// Groups.
    pub groups: BTreeSet<String>,
}

/// A rule for each of some users, or of some groups, by guid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subjects(pub BTreeMap<String, Rule>);

/// What the original writes for a guid when its plural arguments are used: a rule for nobody.
const NOBODY: &str = "null";

impl Subjects {
    /// Returns the most permissive of the rules for those who ask; `None` if there is none.
    ///
    /// Bits that it inherits stay open: the rule set that holds it fills them.
    pub fn resolve(&self, who: &BTreeSet<String>) -> Option<Rule> {
        who.iter()
            .filter(|guid| guid.as_str() != NOBODY)
            .filter_map(|guid| self.0.get(guid).copied())
            .reduce(|found, next| found.combine(super::Operation::Max, next))
    }
}

impl From<(&str, Rule)> for Subjects {
    fn from((guid, rule): (&str, Rule)) -> Self {
        Self(BTreeMap::from([(guid.to_owned(), rule)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_who_ask_together_get_the_most_permissive_rule() {
        let mut subjects = Subjects::from(("a@a0-a1", Rule::READER));
        subjects.0.insert("b@a0-a1".into(), Rule::WRITER);
        let who = |guids: &[&str]| guids.iter().map(|guid| (*guid).to_owned()).collect();
        assert_eq!(subjects.resolve(&who(&["a@a0-a1", "b@a0-a1"])), Some(Rule::WRITER));
        assert_eq!(subjects.resolve(&who(&["c@a0-a1"])), None);
    }

    #[test]
    fn a_rule_for_nobody_matches_nobody() {
        let subjects = Subjects::from((NOBODY, Rule::OWNER));
        assert_eq!(subjects.resolve(&BTreeSet::from([NOBODY.to_owned()])), None);
    }
}
