use std::fmt;
use zeroize::Zeroize;

/// Bytes that are not printed and are wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes the bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Shows the bytes: the one way to read them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Text that is not printed and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Takes the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Shows the text: the one way to read it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What a service is born with: made by `apply` as the service's `secret` resource, sealed where it is kept.
///
/// The public halves of the two key pairs are outputs of the resource; everything here is secret.
#[derive(Clone, Debug)]
pub struct ServiceSecret {
    /// User name of the first admin.
    pub admin_username: String,
    /// Password of the first admin.
    pub admin_password: SecretText,
    /// Base32 one-time-code secret of the first admin, 32 characters (protocol 01 §2.5).
    pub admin_otp_secret: SecretText,
    /// Whoever shows this may set the service up, once.
    pub setup_proof: SecretText,
    /// PKCS#8 PEM of the RSA-2048 pair that messages to the service are encrypted to.
    pub private_key: SecretText,
    /// PKCS#8 PEM of the RSA-2048 pair that the service signs with.
    pub private_certificate: SecretText,
}

impl ServiceSecret {
    /// Its fields by name, as `reveal` gives them and as the sealed file holds them.
    pub fn fields(&self) -> [(&'static str, SecretText); 6] {
        [
            ("admin_username", SecretText::new(self.admin_username.clone())),
            ("admin_password", self.admin_password.clone()),
            ("admin_otp_secret", self.admin_otp_secret.clone()),
            ("setup_proof", self.setup_proof.clone()),
            ("private_key", self.private_key.clone()),
            ("private_certificate", self.private_certificate.clone()),
        ]
    }

    /// Reads it back from its fields; `None` if one is missing.
    pub fn from_fields(field: &dyn Fn(&str) -> Option<SecretText>) -> Option<Self> {
        Some(Self {
            admin_username: field("admin_username")?.expose().to_owned(),
            admin_password: field("admin_password")?,
            admin_otp_secret: field("admin_otp_secret")?,
            setup_proof: field("setup_proof")?,
            private_key: field("private_key")?,
            private_certificate: field("private_certificate")?,
        })
    }
}
