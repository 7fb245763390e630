use super::Right;
use crate::frame::Fault;
use acquire_crypto::PublicKey;
use acquire_model::uid::Uid;
use acquire_model::{ServiceType, Timestamp};
use serde_json::{Map, Value};

/// What the holder of a session says of it, as far as it matters for what the session signed.
#[derive(Clone, Debug)]
pub(super) struct Info {
    /// Who stands behind it.
    pub user: Uid,
    /// The key that verifies what it signs.
    pub certificate: PublicKey,
    /// Since when somebody stands behind it; not every service tells.
    pub approved: Option<Timestamp>,
    /// Since when it is over.
    pub logged_out: Option<Timestamp>,
    scope: Value,
    permissions: Value,
}

impl Info {
    /// Reads the answer of `get_session_info`.
    ///
    /// # Errors
    /// `PermissionError` if nobody stands behind the session, or the answer is not one.
    pub fn from_json(info: &Map<String, Value>) -> Result<Self, Fault> {
        let unreadable = |_| Fault::permission("the answer about the session cannot be read");
        let time = |name: &str| match info.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_json::from_value(value.clone()).map(Some).map_err(unreadable),
        };
        let user = info.get("user_uid").filter(|user| !user.is_null());
        let user = user.ok_or_else(|| Fault::permission("nobody stands behind the session"))?;
        let certificate = PublicKey::from_data(info.get("public_cert").unwrap_or(&Value::Null));
        let right = |name: &str| info.get(name).cloned().unwrap_or_default();
        Ok(Self {
            user: serde_json::from_value(user.clone()).map_err(unreadable)?,
            certificate: certificate.map_err(|_| Fault::permission("the session has no certificate"))?,
            approved: time("login_datetime")?,
            logged_out: time("logout_datetime")?,
            scope: right("scope"),
            permissions: right("permissions"),
        })
    }

    /// Whether the session may do that on that service. A scope is a service type or a list of them, permissions are
    /// `read`, `write` or a list of them; null is everything, and what is neither is nothing.
    pub fn allows(&self, service: ServiceType, right: Right) -> bool {
        let is_right = match right {
            Right::Read => names(&self.permissions, "read") || names(&self.permissions, "write"),
            Right::Write => names(&self.permissions, "write"),
        };
        names(&self.scope, service.as_str()) && is_right
    }
}

fn names(rights: &Value, word: &str) -> bool {
    match rights {
        Value::Null => true,
        Value::String(text) => text == word,
        Value::Array(list) => list.iter().any(|right| right == word),
        _ => false,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// What a good answer looks like.
    pub(crate) fn answer(certificate: &PublicKey) -> Map<String, Value> {
        let answer = json!({
            "session_status": "approved",
            "login_message": "hi",
            "public_cert": certificate.to_data(),
            "scope": null,
            "permissions": null,
            "user_uid": "00000000-0000-4000-8000-000000000001",
        });
        answer.as_object().unwrap().clone()
    }

    fn certificate() -> PublicKey {
        acquire_crypto::PrivateKey::generate().unwrap().public().clone()
    }

    #[test]
    fn an_answer_without_a_user_is_refused() {
        let good = answer(&certificate());
        assert!(Info::from_json(&good).is_ok());
        for (name, bad) in [
            ("user_uid", Value::Null),
            ("user_uid", json!("bob")),
            ("public_cert", Value::Null),
            ("public_cert", json!({})),
            ("public_cert", json!({"bytes": "AAAA"})),
            ("logout_datetime", json!("yesterday")),
            ("login_datetime", json!(1)),
        ] {
            let mut answer = good.clone();
            answer.insert(name.into(), bad);
            let fault = Info::from_json(&answer).unwrap_err();
            assert_eq!(fault.class(), acquire_envelope::exception::Class::PermissionError, "{name}");
        }
        let mut pending = good;
        pending.remove("user_uid");
        assert!(Info::from_json(&pending).is_err());
    }

    #[test]
    fn a_limited_session_does_only_what_it_may() {
        let info = |scope: Value, permissions: Value| Info {
            scope,
            permissions,
            ..Info::from_json(&answer(&certificate())).unwrap()
        };
        let both = |info: Info| [Right::Read, Right::Write].map(|right| info.allows(ServiceType::Storage, right));
        assert_eq!(both(info(Value::Null, Value::Null)), [true, true]);
        assert_eq!(both(info(json!("storage"), json!("read"))), [true, false]);
        assert_eq!(both(info(json!(["access", "storage"]), json!(["write"]))), [true, true]);
        assert_eq!(both(info(json!("access"), Value::Null)), [false, false]);
        assert_eq!(both(info(json!([]), Value::Null)), [false, false]);
        assert_eq!(both(info(Value::Null, json!([]))), [false, false]);
        assert_eq!(both(info(json!({"storage": true}), Value::Null)), [false, false], "what we do not know is nothing");
    }
}
