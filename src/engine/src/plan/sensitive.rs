use crate::plan::Shown;
use crate::state::StateKey;
use acquire_model::Attributes;
use serde_json::Value;

/// What a fingerprint starts with.
const PREFIX: &str = "hmac-sha256:";

/// Whether a recorded value is a fingerprint of a sensitive one.
pub(crate) fn is_fingerprint(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with(PREFIX))
}

/// Puts fingerprints in the place of sensitive values, as they may stand in the state.
pub(crate) fn mask<'a>(attributes: &mut Attributes, names: impl IntoIterator<Item = &'a String>, key: &StateKey) {
    for name in names {
        if let Some(value) = attributes.get_mut(name).filter(|value| !is_fingerprint(value)) {
            *value = fingerprint(value, key);
        }
    }
}

/// Masks the inputs that are sensitive, and every other attribute that gives away one of their values.
pub(crate) fn mask_everywhere<'a>(
    attributes: &mut Attributes,
    names: impl IntoIterator<Item = &'a String>,
    desired: &Attributes,
    key: &StateKey,
) {
    let secrets: Vec<&Value> = names.into_iter().filter_map(|name| desired.get(name)).collect();
    for value in attributes.values_mut().filter(|value| secrets.contains(&&**value)) {
        *value = fingerprint(value, key);
    }
}

fn fingerprint(value: &Value, key: &StateKey) -> Value {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Value::String(key.fingerprint(&text))
}

/// Shows a value to people, unless it is sensitive.
pub(crate) fn show(value: Option<&Value>, sensitive: bool) -> Shown {
    match value {
        None => Shown::Absent,
        Some(value) if sensitive || is_fingerprint(value) => Shown::Sensitive,
        Some(value) => Shown::Known(value.clone()),
    }
}
