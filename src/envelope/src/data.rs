use crate::exception::service;
use crate::service::ServiceRecord;
use crate::{Exception, json};
use acquire_crypto::{Error, Fingerprint, PrivateKey, base64};
use acquire_model::SecretBytes;
use serde_json::{Value, json};

/// Signs a text as the service of that record.
///
/// # Errors
/// [`Error::Library`].
pub fn sign(record: &ServiceRecord, certificate: &PrivateKey, text: &str) -> Result<Value, Error> {
    let signature = base64::encode(&certificate.sign(text.as_bytes())?);
    let header = header(record, certificate.public().fingerprint());
    Ok(json::extended(header, [("signed_data", text.into()), ("signature", signature.into())]))
}

/// Checks what [`sign`] made against the record of the service that should have signed it; returns the text.
///
/// # Errors
/// `ServiceError`.
pub fn verify(record: &ServiceRecord, data: &Value) -> Result<String, Exception> {
    check(record, record.public_certificate.fingerprint(), data)?;
    let signed = field(data, "signed_data")?;
    let signature = base64::decode(field(data, "signature")?).map_err(|_| refused())?;
    record.public_certificate.verify(signed.as_bytes(), &signature).map_err(|_| refused())?;
    Ok(signed.to_owned())
}

/// Encrypts to the service of that record.
///
/// # Errors
/// [`Error::Library`].
pub fn encrypt(record: &ServiceRecord, plaintext: &[u8]) -> Result<Value, Error> {
    let ciphertext = base64::encode(&record.public_key.encrypt(plaintext)?);
    Ok(json::extended(header(record, record.public_key.fingerprint()), [("encrypted_data", ciphertext.into())]))
}

/// Decrypts what [`encrypt`] made for us; `record` is ours.
///
/// # Errors
/// `ServiceError`.
pub fn decrypt(record: &ServiceRecord, key: &PrivateKey, data: &Value) -> Result<SecretBytes, Exception> {
    check(record, key.public().fingerprint(), data)?;
    let ciphertext = base64::decode(field(data, "encrypted_data")?).map_err(|_| refused())?;
    key.decrypt(&ciphertext).map_err(|_| refused())
}

fn header(record: &ServiceRecord, fingerprint: &Fingerprint) -> Value {
    json!({
        "service_uid": record.uid_text(),
        "canonical_url": record.canonical_url(),
        "fingerprint": fingerprint,
    })
}

/// Checks that the data names this service and this key. A service without a uid has no such data.
fn check(record: &ServiceRecord, fingerprint: &Fingerprint, data: &Value) -> Result<(), Exception> {
    let ours = record.uid.is_some()
        && field(data, "service_uid")? == record.uid_text()
        && field(data, "fingerprint")? == fingerprint.as_str();
    if ours { Ok(()) } else { Err(refused()) }
}

fn field<'a>(data: &'a Value, name: &str) -> Result<&'a str, Exception> {
    data.get(name).and_then(Value::as_str).ok_or_else(refused)
}

fn refused() -> Exception {
    service("The data was not signed by, or not encrypted to, the present key of this service")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{record, recorded_key};

    #[test]
    fn signed_data_holds_only_as_it_was_signed() {
        let (record, certificate) = (record(), recorded_key("service_cert"));
        let data = sign(&record, &certificate, "{\"a\": 1}").unwrap();
        assert_eq!(verify(&record, &data).unwrap(), "{\"a\": 1}");
        for (name, value) in [
            ("service_uid", "a0-a2"),
            ("fingerprint", record.public_key.fingerprint().as_str()),
            ("signed_data", "{\"a\": 2}"),
            ("signature", &base64::encode(&certificate.sign(b"other").unwrap())),
            ("signature", ""),
        ] {
            let mut altered = data.clone();
            altered[name] = value.into();
            assert_eq!(verify(&record, &altered), Err(refused()), "{name}");
            altered.as_object_mut().unwrap().remove(name);
            assert_eq!(verify(&record, &altered), Err(refused()), "{name}");
        }
        let wrong_key = sign(&record, &recorded_key("response_key"), "x").unwrap();
        assert_eq!(verify(&record, &wrong_key), Err(refused()));
    }

    #[test]
    fn encrypted_data_opens_for_its_service_alone() {
        let (record, key) = (record(), recorded_key("service_key"));
        for plaintext in [&b"short"[..], &[7; 1000]] {
            let data = encrypt(&record, plaintext).unwrap();
            assert_eq!(decrypt(&record, &key, &data).unwrap().expose(), plaintext);
            assert_eq!(decrypt(&record, &recorded_key("response_key"), &data), Err(refused()));
            let other = ServiceRecord { uid: Some("a0-a2".parse().unwrap()), ..record.clone() };
            assert_eq!(decrypt(&other, &key, &data), Err(refused()));
            let unborn = ServiceRecord { uid: None, ..record.clone() };
            assert_eq!(decrypt(&unborn, &key, &encrypt(&unborn, plaintext).unwrap()), Err(refused()));
        }
    }
}
