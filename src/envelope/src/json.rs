use crate::exception::unpacking;
use crate::{Exception, Limits};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::Cell;
use std::fmt;

/// Most values in one message: a value takes sixteen times the memory of its shortest text.
const VALUES_MAX: u32 = 1 << 20;
/// Most times that a message is a JSON text within a JSON text.
const WRAPPINGS_MAX: usize = 8;
/// From here on a float no longer holds every whole number that the text may have meant (2⁶³).
const FLOAT_MAX: f64 = 9_223_372_036_854_775_808.0;

/// Reads one JSON value from a stranger: not too long, not too deep, no key twice, no number that would be rounded.
///
/// # Errors
/// `UnpackingError`.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, Exception> {
    if bytes.len() > limits.bytes_max {
        return Err(unpacking(format!("The message is longer than {} bytes", limits.bytes_max)));
    }
    let left = Cell::new(VALUES_MAX);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let seed = Seed { depth_left: limits.depth_max, values_left: &left };
    seed.deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| unpacking(format!("The message cannot be read: {error}")))
}

/// Reads one JSON object from a stranger. An object may be wrapped as a JSON text, several times; `None` is a message
/// that is empty or null.
pub(crate) fn object(bytes: &[u8], limits: &Limits) -> Result<Option<Map<String, Value>>, Exception> {
    let mut text: Vec<u8>;
    let mut bytes = bytes;
    for _ in 0..=WRAPPINGS_MAX {
        if bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        match parse(bytes, limits)? {
            Value::Null => return Ok(None),
            Value::Object(object) => return Ok(Some(object)),
            Value::String(inner) => text = inner.into_bytes(),
            _ => break,
        }
        bytes = &text;
    }
    Err(unpacking("The message is not an object"))
}

/// Adds fields to an object.
pub(crate) fn extended<const N: usize>(mut object: Value, fields: [(&str, Value); N]) -> Value {
    if let Value::Object(map) = &mut object {
        map.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    }
    object
}

/// Reads one value, counting down what is still allowed.
#[derive(Clone, Copy)]
struct Seed<'a> {
    depth_left: usize,
    values_left: &'a Cell<u32>,
}

impl Seed<'_> {
    /// The allowance of what is within an array or an object.
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth_left = self.depth_left.checked_sub(1).ok_or_else(|| E::custom("it is nested too deep"))?;
        Ok(Self { depth_left, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.values_left.get().checked_sub(1).ok_or_else(|| D::Error::custom("it has too many values"))?;
        self.values_left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).filter(|_| value.abs() < FLOAT_MAX);
        number.map(Value::Number).ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if values.insert(key, map.next_value_seed(inner)?).is_some() {
                return Err(A::Error::custom("a key comes twice"));
            }
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Value, Exception> {
        parse(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn ordinary_json_is_read_as_it_is() {
        let text = r#"{"a": [1, -2, 0.5, 1e3, true, null, "\u00e9\n"], "b": {"a": {}}, "n": 18446744073709551615}"#;
        assert_eq!(read(text).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(read(&nested(64)).is_ok());
        for bad in [
            r#"{"a": 1, "a": 2}"#,
            r#"{"a": {"b": 1, "\u0062": 1}}"#,
            "1e400",
            "-1e400",
            "1e300",
            "123456789012345678901234567890",
            "-9223372036854775809",
            "NaN",
            "Infinity",
            "01",
            "{} {}",
            "{'a': 1}",
            "[1,]",
            r#""\ud800""#,
            "\u{feff}{}",
            "",
            &nested(65),
            &nested(100_000),
            &format!("[{}0]", "0,".repeat(1 << 20)),
        ] {
            assert_eq!(read(bad).unwrap_err().class, crate::Class::UnpackingError, "{:.40}", bad);
        }
        assert!(parse(b"\"\xff\"", &Limits::default()).is_err());
    }

    #[test]
    fn a_long_message_is_refused_unread() {
        let limits = Limits { bytes_max: 10, depth_max: 64 };
        assert!(parse(b"{\"a\": 123}", &limits).is_ok());
        assert_eq!(parse(b"{\"a\": 1234}", &limits).unwrap_err().message, "The message is longer than 10 bytes");
    }

    #[test]
    fn an_object_may_be_wrapped_in_texts() {
        let mut text = json!({ "a": 1 }).to_string();
        for wrappings in 0..12 {
            let found = object(text.as_bytes(), &Limits::default());
            assert_eq!(found.is_ok(), wrappings <= WRAPPINGS_MAX, "{wrappings}");
            text = Value::String(text).to_string();
        }
        for nothing in ["", " \n", "null", "\"\"", "\"null\"", "\"\\\"\\\"\""] {
            assert_eq!(object(nothing.as_bytes(), &Limits::default()).unwrap(), None, "{nothing}");
        }
        for odd in ["[]", "1", "true", "\"[1]\"", "\"x\""] {
            assert!(object(odd.as_bytes(), &Limits::default()).is_err(), "{odd}");
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e15..1e15).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_as_serde_json_reads_it(value in values()) {
            let text = value.to_string();
            prop_assert_eq!(read(&text).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
        }
    }
}
