/// Why something cryptographic failed. The texts are fixed: they name no secret, no key and no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A passphrase breaks the rule of protocol 01 §2.2.
    #[error(
        "a passphrase has 6 to 50 characters; with fewer than 24 it needs an upper-case letter, a lower-case letter and a digit"
    )]
    WeakPassphrase,
    /// A key cannot be read or unlocked, or is not RSA-2048 with exponent 65537.
    #[error("the key cannot be read or unlocked")]
    KeyManipulation,
    /// A message cannot be decrypted, for whatever reason.
    #[error("the message cannot be decrypted")]
    Decryption,
    /// A signature does not hold.
    #[error("the signature does not hold")]
    Signature,
    /// A text is not base64.
    #[error("the text is not base64")]
    Base64,
    /// A text is not a fingerprint: 16 lower-case hex pairs joined by colons.
    #[error("the text is not a key fingerprint")]
    Fingerprint,
    /// The cryptographic library refused an operation that cannot fail on good input.
    #[error("a cryptographic operation failed: {0}")]
    Library(&'static str),
}
