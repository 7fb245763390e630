use super::{Identifiers, Operation, Rule, Subjects};

/// A rule set: either simply inherited, or a list of rules with a default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rules {
    /// Whatever is said further up.
    #[default]
    Inherit,
    /// Rules in order, combined one after the other.
    List {
        /// The rules.
        items: Vec<Item>,
        /// The rule applied last.
        default_rule: Option<Part>,
        /// The operation of items that name none, and of the default rule.
        default_operation: Operation,
    },
}

/// One item of a rule set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its operation, if it names one.
    pub operation: Option<Operation>,
    /// What it says.
    pub part: Part,
}

/// What an item or a default rule can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A rule for everybody.
    Rule(Rule),
    /// Rules for users.
    Users(Subjects),
    /// Rules for groups.
    Groups(Subjects),
    /// A whole rule set.
    Rules(Box<Rules>),
}

/// From where inherited bits come, and what becomes of those that stay open.
#[derive(Clone, Copy, Debug, Default)]
pub struct Upstream {
    /// The rule further up, already resolved as far as it can be.
    pub rule: Option<Rule>,
    /// Whether bits may not stay open.
    pub must_resolve: bool,
    /// What such a bit becomes.
    pub unresolved: bool,
}

impl Rules {
    /// Makes a set with one rule for one user, and nothing for anybody else.
    pub fn user(guid: &str, rule: Rule) -> Self {
        Self::List {
            items: vec![Item { operation: None, part: Part::Users((guid, rule).into()) }],
            default_rule: Some(Part::Rule(Rule::DENIED)),
            default_operation: Operation::default(),
        }
    }

    /// Makes a set with the same rule for everybody.
    pub fn everybody(rule: Rule) -> Self {
        match rule {
            Rule::INHERIT => Self::Inherit,
            rule => Self::List {
                items: Vec::new(),
                default_rule: Some(Part::Rule(rule)),
                default_operation: Operation::default(),
            },
        }
    }

    /// Resolves it for those who ask (protocol 02 §3.3).
    ///
    /// Only simple inheritance can leave a bit open, and only if it need not be resolved: a list always comes to a rule
    /// without open bits, as the original's does.
    pub fn resolve(&self, who: &Identifiers, upstream: Upstream) -> Rule {
        match self {
            Self::Inherit => Rule::INHERIT.resolve(upstream.rule, upstream.must_resolve.then_some(upstream.unresolved)),
            Self::List { items, default_rule, default_operation } => {
                let (found, stopped) = walk(items, *default_operation, who, upstream);
                let last = default_rule.as_ref().filter(|_| !stopped).and_then(|part| part.resolve(who, upstream));
                let rule = match (found, last) {
                    (Some(found), Some(last)) => found.combine(*default_operation, last),
                    (found, last) => found.or(last).unwrap_or(Rule::DENIED),
                };
                rule.resolve(upstream.rule, Some(upstream.unresolved))
            }
        }
    }
}

/// Combines the items that apply; says whether a `set` stopped the walk.
fn walk(items: &[Item], default: Operation, who: &Identifiers, upstream: Upstream) -> (Option<Rule>, bool) {
    let mut found: Option<Rule> = None;
    for item in items {
        let Some(rule) = item.part.resolve(who, upstream) else { continue };
        let operation = item.operation.unwrap_or(default);
        if operation == Operation::Set {
            return (Some(rule), true);
        }
        // The operation of the first that applies has nothing to work on.
        found = Some(found.map_or(rule, |found| found.combine(operation, rule)));
    }
    (found, false)
}

impl Part {
    /// Resolves it as far as it goes; `None` if it says nothing about those who ask.
    fn resolve(&self, who: &Identifiers, upstream: Upstream) -> Option<Rule> {
        match self {
            Self::Rule(rule) => Some(rule.resolve(upstream.rule, None)),
            Self::Users(subjects) => subjects.resolve(&who.users),
            Self::Groups(subjects) => subjects.resolve(&who.groups),
            Self::Rules(rules) => Some(rules.resolve(who, Upstream { must_resolve: false, ..upstream })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acl::json::tests::vectors;
    use serde_json::Value;

    #[test]
    fn the_960_recorded_resolutions_come_out_the_same() {
        let vectors = vectors();
        let (mut compared, mut skipped) = (0, 0);
        for row in vectors["acl_resolve"].as_array().unwrap() {
            let set = Rules::from_json(&vectors["acl_sets"][row[0].as_str().unwrap()]).unwrap();
            let who = Identifiers::from_json(&row[1]).unwrap();
            let upstream = Upstream {
                rule: Rule::from_json(&row[2]).unwrap(),
                must_resolve: row[3].as_bool().unwrap(),
                unresolved: row[4].as_bool().unwrap(),
            };
            let rule = set.resolve(&who, upstream);
            if row[5]["error"] == "UnboundLocalError" {
                assert_eq!(row[0], "partial_u1", "the original crashes on this set only");
                assert!(rule.is_resolved());
                skipped += 1;
            } else {
                assert_eq!(Some(rule), Rule::from_json(&row[5]).unwrap(), "{row}");
                compared += 1;
            }
        }
        assert_eq!((compared, skipped), (880, 80));
    }

    #[test]
    fn groups_count_like_users() {
        let set = Rules::List {
            items: vec![Item { operation: None, part: Part::Groups(("g@a0-a1", Rule::WRITER).into()) }],
            default_rule: Some(Part::Rule(Rule::DENIED)),
            default_operation: Operation::Max,
        };
        let member = Identifiers::from_json(&serde_json::json!({"group_guid": "g@a0-a1"})).unwrap();
        assert_eq!(set.resolve(&member, Upstream::default()), Rule::WRITER);
        assert_eq!(set.resolve(&Identifiers::default(), Upstream::default()), Rule::DENIED);
    }

    #[test]
    fn a_set_rule_for_somebody_else_does_not_stop_the_walk() {
        let set = Rules::from_json(&vectors()["acl_sets"]["set_then_reader"]).unwrap();
        let stranger = Identifiers::from_json(&serde_json::json!({"user_guid": "u9@a0-a1"})).unwrap();
        assert_eq!(set.resolve(&stranger, Upstream::default()), Rule::READER);
    }

    #[test]
    fn shorthands_have_the_forms_of_the_original() {
        let sets = vectors()["acl_sets"].clone();
        let cases: [(Rules, &str); 4] = [
            (Rules::user("u1@a0-a1", Rule::OWNER), "owner_u1"),
            (Rules::everybody(Rule::READER), "everyone_reader"),
            (Rules::everybody(Rule::WRITER), "default_only_writer"),
            (Rules::everybody(Rule::INHERIT), "inherit"),
        ];
        for (rules, name) in cases {
            let expected: &Value = &sets[name];
            assert_eq!(&rules.to_json(), expected);
        }
    }
}
