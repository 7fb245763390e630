use crate::exception::service_account;
use crate::{Class, Exception, Keys, Limits, json};
use acquire_crypto::{Fingerprint, PrivateKey, PublicKey, base64, hash};
use acquire_model::{SecretBytes, Timestamp};
use serde_json::{Map, Value, json};

/// How a call is to be answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The key to encrypt to; `None`: answer in plain.
    pub key: Option<PublicKey>,
    /// The certificate to sign with. Only together with `key`.
    pub sign_with: Option<Fingerprint>,
    /// The digest of the call.
    pub request: [u8; 32],
}

/// Writes an answer, as JSON text inside a JSON text, since the old browser client parses twice.
///
/// Never fails: an answer that cannot be encrypted or signed as asked becomes a plain exception.
pub fn seal(outcome: &Result<Value, Exception>, reply: &Reply, keys: &dyn Keys, now: Timestamp) -> Vec<u8> {
    let message = match &reply.key {
        None => message(outcome, now),
        Some(key) => {
            encrypted(outcome, key, reply, keys, now).unwrap_or_else(|exception| message(&Err(exception), now))
        }
    };
    Value::String(message.to_string()).to_string().into_bytes()
}

fn message(outcome: &Result<Value, Exception>, now: Timestamp) -> Value {
    let payload = match outcome {
        Ok(Value::Null) => json!({ "status": 0 }),
        Ok(Value::Object(fields)) => json!({ "status": 0, "return": fields }),
        Ok(value) => json!({ "status": 0, "return": { "result": value } }),
        Err(exception) => json!({ "status": -1, "exception": exception.to_json() }),
    };
    json!({ "payload": payload, "synctime": now, "function": null })
}

fn encrypted(
    outcome: &Result<Value, Exception>,
    key: &PublicKey,
    reply: &Reply,
    keys: &dyn Keys,
    now: Timestamp,
) -> Result<Value, Exception> {
    let inner = json::extended(message(outcome, now), [("request", hash::hex(&reply.request).into())]);
    let ciphertext = key.encrypt(inner.to_string().as_bytes())?;
    let outer = json!({
        "data": base64::encode(&ciphertext),
        "encrypted": true,
        "fingerprint": key.fingerprint(),
        "synctime": now,
    });
    let Some(fingerprint) = &reply.sign_with else { return Ok(outer) };
    let unknown = || service_account("There is no certificate of that fingerprint");
    let signature = keys.certificate(fingerprint).ok_or_else(unknown)?.sign(&ciphertext)?;
    Ok(json::extended(outer, [("signature", base64::encode(&signature).into())]))
}

/// What an answer must be to be believed.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    /// The key that the answer was asked to be encrypted to.
    pub reply_key: &'a PrivateKey,
    /// The certificate that must have signed it. Without one, a plain answer is believed too.
    pub certificate: Option<&'a PublicKey>,
    /// The digest of the call; an answer that names another one is refused. (The original's services name none.)
    pub request: Option<[u8; 32]>,
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The service answered with an exception, proven as asked.
    #[error("{0}")]
    Exception(Exception),
    /// Somebody answers, in plain, that the service no longer has the key that we encrypted to. Worth one look-up of
    /// the service and one more try.
    #[error("{0}")]
    MissingKey(Exception),
    /// Somebody answers with an exception, but without the proof that was asked for.
    #[error("an answer without proof says: {0}")]
    Unproven(Exception),
    /// The answer has no signature although one was asked for, or one that does not hold.
    #[error("the answer is not signed by the service")]
    Signature,
    /// The answer is encrypted to another key, or cannot be decrypted.
    #[error("the answer cannot be decrypted")]
    Decryption,
    /// The answer belongs to another call.
    #[error("the answer belongs to another call")]
    OtherCall,
    /// The answer is not an answer.
    #[error("the answer is malformed: {0}")]
    Malformed(String),
}

/// Opens an answer; returns its result, `Null` if there is none.
///
/// # Errors
/// See [`Error`].
pub fn open(body: &[u8], expected: &Expected<'_>, limits: &Limits) -> Result<Value, Error> {
    let outer = object(body, limits)?;
    if outer.contains_key("payload") {
        return match (result(outer), expected.certificate) {
            (Err(Error::Exception(exception)), _) if exception.class == Class::ServiceAccountMissingKeyError => {
                Err(Error::MissingKey(exception))
            }
            (Err(Error::Exception(exception)), Some(_)) => Err(Error::Unproven(exception)),
            (Ok(_), Some(_)) => Err(Error::Signature),
            (outcome, _) => outcome,
        };
    }
    let inner = object(decrypt(&outer, expected)?.expose(), limits)?;
    let (named, asked) = (inner.get("request"), expected.request.map(|digest| Value::from(hash::hex(&digest))));
    if named.is_some() && asked.is_some() && named != asked.as_ref() {
        return Err(Error::OtherCall);
    }
    result(inner)
}

fn object(bytes: &[u8], limits: &Limits) -> Result<Map<String, Value>, Error> {
    match json::object(bytes, limits) {
        Ok(Some(object)) => Ok(object),
        Ok(None) => Err(Error::Malformed("it is empty".to_owned())),
        Err(exception) => Err(Error::Malformed(exception.message)),
    }
}

/// Checks the signature, which is over the ciphertext, and decrypts.
fn decrypt(outer: &Map<String, Value>, expected: &Expected<'_>) -> Result<SecretBytes, Error> {
    let text = |name| outer.get(name).and_then(Value::as_str);
    let malformed = |what: &str| Error::Malformed(format!("it has no {what}"));
    let data = text("data").ok_or_else(|| malformed("payload and no data"))?;
    let ciphertext = base64::decode(data).map_err(|_| malformed("base64 in its data"))?;
    if let Some(certificate) = expected.certificate {
        let signature = text("signature").and_then(|text| base64::decode(text).ok()).ok_or(Error::Signature)?;
        certificate.verify(&ciphertext, &signature).map_err(|_| Error::Signature)?;
    }
    let ours = expected.reply_key.public().fingerprint().as_str();
    if text("fingerprint").is_some_and(|fingerprint| fingerprint != ours) {
        return Err(Error::Decryption);
    }
    expected.reply_key.decrypt(&ciphertext).map_err(|_| Error::Decryption)
}

/// Takes the result from the innermost message.
fn result(mut message: Map<String, Value>) -> Result<Value, Error> {
    let Some(Value::Object(mut payload)) = message.remove("payload") else {
        return Err(Error::Malformed("it has no payload".to_owned()));
    };
    let failed = payload.get("status").and_then(Value::as_i64) != Some(0);
    match (payload.get("exception"), payload.get("error")) {
        (Some(exception), _) if failed => Err(Error::Exception(Exception::from_json(exception))),
        (_, Some(error)) if failed => Err(Error::Exception(Exception::classless(error.as_str().unwrap_or_default()))),
        _ if failed => Err(Error::Malformed("it has neither success nor an exception".to_owned())),
        _ => Ok(payload.remove("return").unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
