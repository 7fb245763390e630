use crate::exception::{missing_key, service_account, type_error, unpacking};
use crate::reply::Reply;
use crate::{Exception, Keys, Limits, json};
use acquire_crypto::{Error, Fingerprint, PrivateKey, PublicKey, base64, hash};
use acquire_model::Timestamp;
use serde_json::{Map, Value, json};

/// A call that came in.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Which function; `None` is the root function.
    pub function: Option<String>,
    /// Its arguments.
    pub payload: Map<String, Value>,
    /// How it is to be answered.
    pub reply: Reply,
    /// Whether it came encrypted to one of our keys.
    pub encrypted: bool,
    /// The caller's clock, if it said something that is a time.
    pub synctime: Option<Timestamp>,
    /// SHA-256 of the ciphertext (of the decoded `data`), or of the plain body.
    pub digest: [u8; 32],
}

/// Why a call could not be opened, and how to say so.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// What to answer.
    pub exception: Exception,
    /// How.
    pub reply: Reply,
}

/// Opens a call. An empty body is a plain call of the root function.
///
/// # Errors
/// A [`Refusal`] whose reply is encrypted if the call was decrypted and says to which key; plain otherwise.
/// `ServiceAccountMissingKeyError` (always plain) if we do not hold the key that it is encrypted to.
pub fn open(body: &[u8], keys: &dyn Keys, limits: &Limits) -> Result<Request, Box<Refusal>> {
    let plain = |exception| Box::new(Refusal { exception, reply: Reply::default() });
    let outer = json::object(body, limits).map_err(plain)?;
    let Some(outer) = outer else { return Ok(root(hash::sha256(body), false)) };
    if !is_true(outer.get("encrypted")) {
        return read(outer, hash::sha256(body), keys, false);
    }
    let (ciphertext, key) = sealed(&outer, keys).map_err(plain)?;
    let digest = hash::sha256(&ciphertext);
    let plaintext = key.decrypt(&ciphertext).map_err(|error| plain(error.into()))?;
    // Nothing is said of what is within: it may be somebody else's secret, sent to us to learn about it.
    let inner =
        json::object(plaintext.expose(), limits).map_err(|_| plain(unpacking("What is encrypted is no call")))?;
    match inner {
        // One layer is all that any client makes.
        Some(inner) if is_true(inner.get("encrypted")) => Err(plain(unpacking("The message is encrypted twice"))),
        Some(inner) => read(inner, digest, keys, true),
        None => Ok(root(digest, true)),
    }
}

fn root(digest: [u8; 32], encrypted: bool) -> Request {
    let reply = Reply { request: digest, ..Reply::default() };
    Request { function: None, payload: Map::new(), reply, encrypted, synctime: None, digest }
}

/// Python's truth, as the original tests it.
fn is_true(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(values)) => !values.is_empty(),
        Some(Value::Object(values)) => !values.is_empty(),
    }
}

/// Takes the ciphertext from an encrypted message, and finds the key for it.
fn sealed(outer: &Map<String, Value>, keys: &dyn Keys) -> Result<(Vec<u8>, PrivateKey), Exception> {
    let data = text(outer, "data")?.ok_or_else(|| unpacking("The encrypted message has no data"))?;
    let ciphertext = base64::decode(data).map_err(|_| unpacking("The encrypted data is not base64"))?;
    let unknown = || missing_key("There is no key of that fingerprint");
    let fingerprint = text(outer, "fingerprint")?.map(str::parse::<Fingerprint>).transpose().map_err(|_| unknown())?;
    Ok((ciphertext, keys.private_key(fingerprint.as_ref()).ok_or_else(unknown)?))
}

/// Reads the innermost object of a call.
fn read(
    mut inner: Map<String, Value>,
    digest: [u8; 32],
    keys: &dyn Keys,
    encrypted: bool,
) -> Result<Request, Box<Refusal>> {
    let reply = instructions(&inner, digest, keys)
        .map_err(|exception| Box::new(Refusal { exception, reply: Reply { request: digest, ..Reply::default() } }))?;
    let synctime = inner.get("synctime").and_then(Value::as_str).and_then(|text| text.parse().ok());
    match (function(&inner), inner.remove("payload")) {
        (Ok(function), Some(Value::Object(payload))) => {
            Ok(Request { function, payload, reply, encrypted, synctime, digest })
        }
        (Err(exception), _) => Err(Box::new(Refusal { exception, reply })),
        _ => Err(Box::new(Refusal { exception: unpacking("The message has no payload object"), reply })),
    }
}

fn function(inner: &Map<String, Value>) -> Result<Option<String>, Exception> {
    match inner.get("function") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => Ok(Some(name.clone())),
        Some(_) => Err(type_error("The name of the function is not a text")),
    }
}

/// Reads how a call wants to be answered. A certificate that we do not hold is refused now, before anything is done
/// whose answer could not be proven.
fn instructions(inner: &Map<String, Value>, request: [u8; 32], keys: &dyn Keys) -> Result<Reply, Exception> {
    let key = text(inner, "encryption_public_key")?.map(|key| PublicKey::from_data(&key.into())).transpose()?;
    let Some(fingerprint) = text(inner, "sign_with_service_key")? else {
        return Ok(Reply { key, sign_with: None, request });
    };
    if key.is_none() {
        return Err(unpacking("A signed answer needs a key to encrypt it to"));
    }
    let unknown = || service_account("There is no certificate of that fingerprint");
    let sign_with: Fingerprint = fingerprint.parse().map_err(|_| unknown())?;
    keys.certificate(&sign_with).ok_or_else(unknown)?;
    Ok(Reply { key, sign_with: Some(sign_with), request })
}

/// Returns a text field; null counts as absent.
fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Exception> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(unpacking(format!("The field {name} is not a text"))),
    }
}

/// A call that goes out.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Which function; `None` is the root function.
    pub function: Option<&'a str>,
    /// Its arguments: an object.
    pub payload: &'a Value,
    /// The service's key.
    pub public_key: &'a PublicKey,
    /// The key to encrypt the answer to.
    pub reply_key: &'a PublicKey,
    /// The certificate that must sign the answer.
    pub sign_with: Option<&'a Fingerprint>,
    /// The caller's clock.
    pub now: Timestamp,
}

/// A call as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// What to post.
    pub body: Vec<u8>,
    /// What an answer to this very call says (see [`crate::reply::Expected`]).
    pub digest: [u8; 32],
}

/// Seals a call.
///
/// # Errors
/// [`Error::Library`] if there is no randomness.
pub fn seal(call: &Call<'_>) -> Result<Sealed, Error> {
    let reply_key = base64::encode_text(call.reply_key.pem()).into();
    let mut inner = inner(call.function, call.payload, call.now);
    inner = json::extended(inner, [("encryption_public_key", reply_key)]);
    if let Some(fingerprint) = call.sign_with {
        inner = json::extended(inner, [("sign_with_service_key", fingerprint.as_str().into())]);
    }
    let ciphertext = call.public_key.encrypt(inner.to_string().as_bytes())?;
    let outer = json!({
        "data": base64::encode(&ciphertext),
        "encrypted": true,
        "fingerprint": call.public_key.fingerprint(),
        "synctime": call.now,
    });
    Ok(Sealed { body: outer.to_string().into_bytes(), digest: hash::sha256(&ciphertext) })
}

/// Writes a plain call, which asks for a plain answer.
pub fn plain(function: Option<&str>, payload: &Value, now: Timestamp) -> Vec<u8> {
    inner(function, payload, now).to_string().into_bytes()
}

fn inner(function: Option<&str>, payload: &Value, now: Timestamp) -> Value {
    json!({ "payload": payload, "synctime": now, "function": function })
}

#[cfg(test)]
mod tests;
