use serde_json::{Value, json};
use std::fmt;

macro_rules! classes {
    // One macro, because each row is a variant, its module and its class, and the two directions must not drift apart.
    ($($variant:ident = $module:literal $class:literal,)*) => {
        /// A class that the old client can raise (protocol 01 §3.4). A variant is named as its class, unless two
        /// modules have a class of that name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Class {
            $(#[doc = concat!("`", $module, ".", $class, "`.")] $variant,)*
        }

        impl Class {
            /// All of them, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The module that defines it.
            pub fn module(self) -> &'static str {
                match self { $(Self::$variant => $module,)* }
            }

            /// Its name within the module.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $class,)* }
            }
        }
    };
}

classes! {
    PermissionError = "builtins" "PermissionError",
    TypeError = "builtins" "TypeError",
    ValueError = "builtins" "ValueError",
    KeyError = "builtins" "KeyError",
    LookupError = "builtins" "LookupError",
    IndexError = "builtins" "IndexError",
    AttributeError = "builtins" "AttributeError",
    AssertionError = "builtins" "AssertionError",
    ImportError = "builtins" "ImportError",
    NameError = "builtins" "NameError",
    NotImplementedError = "builtins" "NotImplementedError",
    FileExistsError = "builtins" "FileExistsError",
    SystemError = "builtins" "SystemError",
    UnboundLocalError = "builtins" "UnboundLocalError",
    UnicodeDecodeError = "builtins" "UnicodeDecodeError",
    ServiceSideAccountError = "Acquire.Service._errors" "AccountError",
    PackingError = "Acquire.Service._errors" "PackingError",
    UnpackingError = "Acquire.Service._errors" "UnpackingError",
    RemoteFunctionCallError = "Acquire.Service._errors" "RemoteFunctionCallError",
    ServiceError = "Acquire.Service._errors" "ServiceError",
    ServiceAccountError = "Acquire.Service._errors" "ServiceAccountError",
    ServiceAccountMissingKeyError = "Acquire.Service._errors" "ServiceAccountMissingKeyError",
    MissingServiceAccountError = "Acquire.Service._errors" "MissingServiceAccountError",
    MissingServiceError = "Acquire.Service._errors" "MissingServiceError",
    ServiceMethodError = "Acquire.Service._service" "ServiceError",
    WeakPassphraseError = "Acquire.Crypto._errors" "WeakPassphraseError",
    KeyManipulationError = "Acquire.Crypto._errors" "KeyManipulationError",
    SignatureVerificationError = "Acquire.Crypto._errors" "SignatureVerificationError",
    DecryptionError = "Acquire.Crypto._errors" "DecryptionError",
    OTPError = "Acquire.Crypto._errors" "OTPError",
    RepeatedOTPCodeError = "Acquire.Crypto._errors" "RepeatedOTPCodeError",
    ObjectStoreError = "Acquire.ObjectStore._errors" "ObjectStoreError",
    EncodingError = "Acquire.ObjectStore._errors" "EncodingError",
    MutexTimeoutError = "Acquire.ObjectStore._errors" "MutexTimeoutError",
    RequestBucketError = "Acquire.ObjectStore._errors" "RequestBucketError",
    IdentityServiceError = "Acquire.Identity._errors" "IdentityServiceError",
    LoginSessionError = "Acquire.Identity._errors" "LoginSessionError",
    UsernameError = "Acquire.Identity._errors" "UsernameError",
    ExistingAccountError = "Acquire.Identity._errors" "ExistingAccountError",
    UserValidationError = "Acquire.Identity._errors" "UserValidationError",
    AuthorisationError = "Acquire.Identity._errors" "AuthorisationError",
    AccountingServiceError = "Acquire.Accounting._errors" "AccountingServiceError",
    AccountError = "Acquire.Accounting._errors" "AccountError",
    LedgerError = "Acquire.Accounting._errors" "LedgerError",
    TransactionError = "Acquire.Accounting._errors" "TransactionError",
    UnbalancedLedgerError = "Acquire.Accounting._errors" "UnbalancedLedgerError",
    PaymentError = "Acquire.Accounting._errors" "PaymentError",
    InsufficientFundsError = "Acquire.Accounting._errors" "InsufficientFundsError",
    UnmatchedReceiptError = "Acquire.Accounting._errors" "UnmatchedReceiptError",
    UnmatchedRefundError = "Acquire.Accounting._errors" "UnmatchedRefundError",
    AccessServiceError = "Acquire.Access._errors" "AccessServiceError",
    RunRequestError = "Acquire.Access._errors" "RunRequestError",
    StorageServiceError = "Acquire.Storage._errors" "StorageServiceError",
    MissingDriveError = "Acquire.Storage._errors" "MissingDriveError",
    MissingFileError = "Acquire.Storage._errors" "MissingFileError",
    MissingVersionError = "Acquire.Storage._errors" "MissingVersionError",
    FileValidationError = "Acquire.Storage._errors" "FileValidationError",
    ComputeServiceError = "Acquire.Compute._errors" "ComputeServiceError",
    QRCodeError = "Acquire.Client._errors" "QRCodeError",
    LoginError = "Acquire.Client._errors" "LoginError",
    ClientSideAccountError = "Acquire.Client._errors" "AccountError",
    UserError = "Acquire.Client._errors" "UserError",
    ClientSidePaymentError = "Acquire.Client._errors" "PaymentError",
    PARError = "Acquire.Client._errors" "PARError",
    PARTimeoutError = "Acquire.Client._errors" "PARTimeoutError",
    PARPermissionsError = "Acquire.Client._errors" "PARPermissionsError",
    PARReadError = "Acquire.Client._errors" "PARReadError",
    PARWriteError = "Acquire.Client._errors" "PARWriteError",
}

/// What a call that failed answers: a class of the closed table and a text that is safe to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{class}: {message}")]
pub struct Exception {
    /// Its class.
    pub class: Class,
    /// What went wrong; no secret, no path, no cause chain.
    pub message: String,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Longest text that is taken over from somebody else's exception.
const MESSAGE_CHARACTERS_MAX: usize = 2_000;
const NAME_CHARACTERS_MAX: usize = 100;

impl Exception {
    /// Makes one.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }

    /// Writes the wire's form: `class`, `module`, `error`.
    pub fn to_json(&self) -> Value {
        json!({ "class": self.class.name(), "module": self.class.module(), "error": self.message })
    }

    /// Reads the wire's form. What is not in the table becomes a `RemoteFunctionCallError`: nothing that a stranger
    /// names is ever looked up or called.
    pub fn from_json(value: &Value) -> Self {
        let field = |name, most| clean(value.get(name).and_then(Value::as_str).unwrap_or_default(), most);
        let (module, class) = (field("module", NAME_CHARACTERS_MAX), field("class", NAME_CHARACTERS_MAX));
        let message = field("error", MESSAGE_CHARACTERS_MAX);
        match Class::find(&module, &class) {
            Some(class) => Self { class, message },
            None => remote(format!("{module}.{class}: {message}")),
        }
    }

    /// Takes over a stranger's text that has no class.
    pub(crate) fn classless(text: &str) -> Self {
        remote(clean(text, MESSAGE_CHARACTERS_MAX))
    }
}

impl Class {
    /// Finds a class by its defining module or by the package of that module.
    fn find(module: &str, name: &str) -> Option<Self> {
        let defines =
            |class: &Self| class.module() == module || class.module().strip_suffix("._errors") == Some(module);
        Self::ALL.iter().copied().filter(|class| class.name() == name).find(defines)
    }
}

/// Cuts a stranger's text and takes out what would steer a terminal.
fn clean(text: &str, characters_max: usize) -> String {
    text.chars().take(characters_max).map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

impl From<acquire_crypto::Error> for Exception {
    fn from(error: acquire_crypto::Error) -> Self {
        use acquire_crypto::Error;
        let class = match error {
            Error::WeakPassphrase => Class::WeakPassphraseError,
            Error::KeyManipulation | Error::Fingerprint => Class::KeyManipulationError,
            Error::Decryption => Class::DecryptionError,
            Error::Signature => Class::SignatureVerificationError,
            Error::Base64 => Class::EncodingError,
            Error::Library(_) => Class::ServiceError,
        };
        Self::new(class, error.to_string())
    }
}

macro_rules! shorthands {
    // One macro, because these differ in their name only.
    ($($function:ident = $class:ident,)*) => {
        $(#[doc = concat!("Makes a `", stringify!($class), "`.")]
        pub fn $function(message: impl Into<String>) -> Exception {
            Exception::new(Class::$class, message)
        })*
    };
}

shorthands! {
    permission = PermissionError,
    key = KeyError,
    type_error = TypeError,
    value = ValueError,
    lookup = LookupError,
    unpacking = UnpackingError,
    service = ServiceError,
    service_account = ServiceAccountError,
    missing_key = ServiceAccountMissingKeyError,
    missing_service = MissingServiceError,
    remote = RemoteFunctionCallError,
    login_session = LoginSessionError,
    user_validation = UserValidationError,
    authorisation = AuthorisationError,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_reads_back_as_written() {
        assert_eq!(Class::ALL.len(), 68);
        for class in Class::ALL.iter().copied() {
            let exception = Exception::new(class, "boom");
            assert_eq!(Exception::from_json(&exception.to_json()), exception);
            let mut by_package = exception.to_json();
            by_package["module"] = json!(class.module().trim_end_matches("._errors"));
            assert_eq!(Exception::from_json(&by_package), exception, "{class}");
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_a_remote_function_call_error() {
        for (module, class) in [("os", "system"), ("builtins", "eval"), ("Acquire.Client", "PermissionError"), ("", "")]
        {
            let read = Exception::from_json(&json!({ "module": module, "class": class, "error": "rm" }));
            assert_eq!(read, remote(format!("{module}.{class}: rm")));
        }
        for odd in [json!(null), json!([]), json!("x"), json!({ "class": 1, "module": {}, "error": [] })] {
            assert_eq!(Exception::from_json(&odd).class, Class::RemoteFunctionCallError);
        }
    }

    #[test]
    fn a_strangers_text_is_cut_and_cannot_steer_a_terminal() {
        let text = format!("\u{1b}[2J\n{}", "x".repeat(10_000));
        let read = Exception::from_json(&json!({ "module": "builtins", "class": "KeyError", "error": text }));
        assert_eq!(read.class, Class::KeyError);
        assert!(read.message.starts_with(" [2J\nx") && read.message.len() == MESSAGE_CHARACTERS_MAX);
    }

    #[test]
    fn errors_of_keys_have_the_class_of_the_original() {
        for (error, class) in [
            (acquire_crypto::Error::WeakPassphrase, Class::WeakPassphraseError),
            (acquire_crypto::Error::KeyManipulation, Class::KeyManipulationError),
            (acquire_crypto::Error::Decryption, Class::DecryptionError),
            (acquire_crypto::Error::Signature, Class::SignatureVerificationError),
        ] {
            assert_eq!(Exception::from(error).class, class);
        }
    }
}
