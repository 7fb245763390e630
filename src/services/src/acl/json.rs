use super::{Error, Identifiers, Item, Operation, Part, Rule, Rules, Subjects};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

// Reading recurses as deep as the JSON is nested, which the envelope bounds to 64 before anything gets here.

impl Rule {
    /// Reads a word or an object of bits, absent ones inherited; null is no rule.
    ///
    /// # Errors
    /// `Word` for an unknown word, `Shape` for anything else.
    pub fn from_json(value: &Value) -> Result<Option<Self>, Error> {
        match value {
            Value::Null => Ok(None),
            Value::String(word) => {
                let known = Self::NAMED.into_iter().find(|(_, name)| name == word);
                known.map(|(rule, _)| Some(rule)).ok_or_else(|| Error::Word(word.chars().take(64).collect()))
            }
            Value::Object(bits) => Ok(Some(Self {
                owner: bit(bits, "is_owner")?,
                readable: bit(bits, "is_readable")?,
                writeable: bit(bits, "is_writeable")?,
                executable: bit(bits, "is_executable")?,
            })),
            _ => Err(Error::Shape("a rule is a word or an object")),
        }
    }

    /// Writes its word if it has one, else all four bits. The original cannot read an `is_executable` of null, which is
    /// therefore written as `false`.
    pub fn to_json(self) -> Value {
        match Self::NAMED.into_iter().find(|(rule, _)| *rule == self) {
            Some((_, word)) => word.into(),
            None => json!({
                "is_owner": self.owner,
                "is_readable": self.readable,
                "is_writeable": self.writeable,
                "is_executable": self.executable.unwrap_or(false),
            }),
        }
    }
}

fn bit(bits: &Map<String, Value>, name: &str) -> Result<Option<bool>, Error> {
    match bits.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(bit)) => Ok(Some(*bit)),
        Some(_) => Err(Error::Shape("a bit of a rule is true, false or null")),
    }
}

impl Subjects {
    fn from_json(value: &Value) -> Result<Self, Error> {
        let entries = value.as_object().ok_or(Error::Shape("rules of users or groups are an object by guid"))?;
        let mut rules = Self::default();
        for (guid, entry) in entries {
            match Part::from_json(entry)? {
                Some(Part::Rule(rule)) => drop(rules.0.insert(guid.clone(), rule)),
                Some(_) => return Err(Error::Shape("the entry of a user or group is a plain rule")),
                None => {}
            }
        }
        Ok(rules)
    }

    fn to_json(&self) -> Value {
        self.0.iter().map(|(guid, rule)| (guid.clone(), json!(["ACLRule", rule.to_json()]))).collect()
    }
}

impl Part {
    /// Reads `[class, data]`; `None` if the data of a rule is null.
    fn from_json(value: &Value) -> Result<Option<Self>, Error> {
        let Some([Value::String(class), data]) = value.as_array().map(Vec::as_slice) else {
            return Err(Error::Shape("a part is a list of class name and data"));
        };
        Ok(match class.as_str() {
            "ACLRule" => Rule::from_json(data)?.map(Self::Rule),
            "ACLRules" => Some(Self::Rules(Box::new(Rules::from_json(data)?))),
            "ACLUserRules" => Some(Self::Users(Subjects::from_json(data)?)),
            "ACLGroupRules" => Some(Self::Groups(Subjects::from_json(data)?)),
            _ => return Err(Error::Shape("a class is ACLRule, ACLRules, ACLUserRules or ACLGroupRules")),
        })
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Rule(rule) => json!(["ACLRule", rule.to_json()]),
            Self::Rules(rules) => json!(["ACLRules", rules.to_json()]),
            Self::Users(subjects) => json!(["ACLUserRules", subjects.to_json()]),
            Self::Groups(subjects) => json!(["ACLGroupRules", subjects.to_json()]),
        }
    }
}

impl Item {
    fn from_json(value: &Value) -> Result<Option<Self>, Error> {
        let (operation, part) = match value {
            Value::Object(fields) => (operation(fields.get("operation"))?, fields.get("rule").unwrap_or(&Value::Null)),
            value => (None, value),
        };
        Ok(Part::from_json(part)?.map(|part| Self { operation, part }))
    }

    fn to_json(&self) -> Value {
        match self.operation {
            None => self.part.to_json(),
            Some(operation) => json!({"operation": operation.word(), "rule": self.part.to_json()}),
        }
    }
}

fn operation(value: Option<&Value>) -> Result<Option<Operation>, Error> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) => Operation::from_word(word).map(Some),
        Some(_) => Err(Error::Shape("an operation is a word")),
    }
}

impl Rules {
    /// Reads a rule set: `"inherit"`, null and `{}` are simple inheritance. The list is kept as it came.
    ///
    /// # Errors
    /// `Word` for an unknown word, `Shape` for anything of the wrong shape.
    pub fn from_json(value: &Value) -> Result<Self, Error> {
        let fields = match value {
            Value::Null => return Ok(Self::Inherit),
            Value::String(word) if word == "inherit" => return Ok(Self::Inherit),
            Value::String(word) => return Err(Error::Word(word.chars().take(64).collect())),
            Value::Object(fields) if fields.is_empty() => return Ok(Self::Inherit),
            Value::Object(fields) => fields,
            _ => return Err(Error::Shape("a rule set is a word or an object")),
        };
        let items = match fields.get("rules") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => {
                items.iter().filter_map(|item| Item::from_json(item).transpose()).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(Error::Shape("rules are a list")),
        };
        let default_rule = match fields.get("default_rule") {
            None | Some(Value::Null) => None,
            Some(part) => Part::from_json(part)?,
        };
        let default_operation = operation(fields.get("default_operation"))?.unwrap_or_default();
        Ok(Self::List { items, default_rule, default_operation })
    }

    /// Writes it.
    pub fn to_json(&self) -> Value {
        let Self::List { items, default_rule, default_operation } = self else { return "inherit".into() };
        let mut fields = Map::new();
        if !items.is_empty() {
            fields.insert("rules".into(), items.iter().map(Item::to_json).collect());
        }
        // An empty set denies; written as `{}` it would inherit.
        let empty = items.is_empty().then_some(&Part::Rule(Rule::DENIED));
        if let Some(part) = default_rule.as_ref().or(empty) {
            fields.insert("default_rule".into(), part.to_json());
        }
        if *default_operation != Operation::default() {
            fields.insert("default_operation".into(), default_operation.word().into());
        }
        Value::Object(fields)
    }
}

impl Identifiers {
    /// Reads who asks: `user_guid`, `user_guids`, `group_guid`, `group_guids`, all optional.
    ///
    /// # Errors
    /// `Shape` if a guid is not text.
    pub fn from_json(value: &Value) -> Result<Self, Error> {
        Ok(Self { users: guids(value, "user_guid", "user_guids")?, groups: guids(value, "group_guid", "group_guids")? })
    }
}

fn guids(value: &Value, one: &str, many: &str) -> Result<BTreeSet<String>, Error> {
    let many = match value.get(many) {
        None | Some(Value::Null) => &[],
        Some(Value::Array(guids)) => guids.as_slice(),
        Some(_) => return Err(Error::Shape("guids are a list")),
    };
    let one = value.get(one).filter(|guid| !guid.is_null());
    let text = |guid: &Value| guid.as_str().map(str::to_owned).ok_or(Error::Shape("a guid is text"));
    one.into_iter().chain(many).map(text).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The values recorded from the original package.
    pub(crate) fn vectors() -> Value {
        serde_json::from_str(include_str!("../../vectors/02-identity-access-compute-vectors.json")).unwrap()
    }

    /// Whether a form has an object rule that the original's reader crashes on.
    fn crashes_the_original(value: &Value) -> bool {
        match value {
            Value::Object(fields) => {
                let is_rule = fields.contains_key("is_owner") || fields.contains_key("is_readable");
                let executable = fields.get("is_executable").is_some_and(Value::is_boolean);
                (is_rule && !executable) || fields.values().any(crashes_the_original)
            }
            Value::Array(items) => items.iter().any(crashes_the_original),
            _ => false,
        }
    }

    #[test]
    fn rules_are_read_and_written_as_the_original_does() {
        for row in vectors()["acl_rules"].as_array().unwrap() {
            let rule = Rule::from_json(&row["data"]).unwrap().unwrap();
            match rule.executable {
                None if rule != Rule::INHERIT => assert_eq!(rule.to_json()["is_executable"], false),
                _ => assert_eq!(rule.to_json(), row["data"]),
            }
        }
    }

    #[test]
    fn rule_sets_are_written_as_they_came() {
        for (name, set) in vectors()["acl_sets"].as_object().unwrap() {
            let written = Rules::from_json(set).unwrap().to_json();
            assert!(!crashes_the_original(&written), "{name}");
            if name != "partial_u1" {
                assert_eq!(&written, set, "{name}");
            }
        }
    }

    #[test]
    fn what_cannot_be_a_list_is_refused() {
        let word = |value: Value| assert!(matches!(Rules::from_json(&value), Err(Error::Word(_))), "{value}");
        let shape = |value: Value| assert!(matches!(Rules::from_json(&value), Err(Error::Shape(_))), "{value}");
        word(json!("inherits"));
        word(json!({"default_rule": ["ACLRule", ""]}));
        word(json!({"default_operation": "plus"}));
        word(json!({"rules": [{"operation": "", "rule": ["ACLRule", "owner"]}]}));
        shape(json!(1));
        shape(json!([]));
        shape(json!({"rules": {}}));
        shape(json!({"rules": ["ACLRule"]}));
        shape(json!({"rules": [["ACLRule", "owner", 1]]}));
        shape(json!({"rules": [["Popen", "owner"]]}));
        shape(json!({"rules": [["ACLRule", 1]]}));
        shape(json!({"default_rule": ["ACLRule", {"is_owner": "yes"}]}));
        shape(json!({"rules": [["ACLUserRules", {"u": ["ACLRules", "inherit"]}]]}));
        shape(json!({"default_operation": 1}));
    }

    #[test]
    fn identifiers_are_texts() {
        let both = json!({"user_guid": "a", "user_guids": ["b", "a"], "group_guid": null});
        assert_eq!(Identifiers::from_json(&both).unwrap().users.len(), 2);
        assert_eq!(Identifiers::from_json(&Value::Null).unwrap(), Identifiers::default());
        for bad in [json!({"user_guid": 1}), json!({"user_guids": "a"}), json!({"group_guids": [null]})] {
            assert!(Identifiers::from_json(&bad).is_err(), "{bad}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let words = ["ACLRule", "ACLRules", "ACLUserRules", "owner", "inherits", "inherit", "max", "set", "x"];
        let keys = ["rules", "rule", "operation", "default_rule", "is_owner", "is_executable", "u1@a0-a1"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            proptest::sample::select(words.to_vec()).prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 5, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(proptest::sample::select(keys.to_vec()), inner, 0..4)
                    .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_in_a_form_that_reads_back_and_harms_nobody(value in any_json()) {
            if let Ok(rules) = Rules::from_json(&value) {
                let written = rules.to_json();
                prop_assert!(!crashes_the_original(&written));
                let again = Rules::from_json(&written).unwrap();
                prop_assert_eq!(again.to_json(), written);
            }
        }
    }
}
