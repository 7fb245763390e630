use acquire_client::Error as ClientError;
use acquire_envelope::Class;
use acquire_envelope::service::ServiceRecord;
use acquire_model::{Address, Attributes, Name, ServiceType, attributes};
use acquire_provider::Error;

/// Returns an attribute that must be text.
pub(crate) fn text<'a>(attributes: &'a Attributes, name: &str) -> Result<&'a str, Error> {
    attributes::text(attributes, name).ok_or_else(|| Error::Bug(format!("the attribute `{name}` is missing")))
}

/// Returns the service that a resource is of.
pub(crate) fn service_type(attributes: &Attributes) -> Result<ServiceType, Error> {
    text(attributes, "service")?.parse().map_err(|e| Error::Bug(format!("{e}")))
}

/// Reads the record of a service from the `url`, `public_key` and `public_certificate` with that prefix. If it was
/// registered, it has its uid.
pub(crate) fn provisioned(
    service_type: ServiceType,
    attributes: &Attributes,
    prefix: &str,
) -> Result<ServiceRecord, Error> {
    let field = |name: &str| text(attributes, &format!("{prefix}{name}"));
    let (url, key, certificate) = (field("url")?, field("public_key")?, field("public_certificate")?);
    let record = acquire_client::provisioned(service_type, url, key, certificate).map_err(explain)?;
    let uid = field("uid").ok().and_then(|uid| uid.parse().ok());
    Ok(ServiceRecord { uid, ..record })
}

/// The address of another resource of the same owner.
pub(crate) fn address(owner: &Name, kind: &str) -> Result<Address, Error> {
    Ok(Address::new(owner.clone(), kind.parse().map_err(|e| Error::Bug(format!("{e}")))?))
}

/// Says what a failed call means to the engine.
pub(crate) fn explain(error: ClientError) -> Error {
    let text = error.to_string();
    match error {
        ClientError::Unavailable(text) => Error::Unavailable(text),
        ClientError::Exception(exception) => match exception.class {
            Class::MissingServiceError => Error::NotFound(text),
            Class::PermissionError
            | Class::AuthorisationError
            | Class::UserValidationError
            | Class::LoginSessionError
            | Class::RepeatedOTPCodeError => Error::Denied(text),
            Class::ServiceAccountError | Class::ExistingAccountError | Class::UsernameError => Error::Conflict(text),
            // The store behind the service, or a service behind it, did not answer it.
            Class::ObjectStoreError | Class::RemoteFunctionCallError => Error::Unavailable(text),
            _ => Error::Invalid(text),
        },
        ClientError::Answer(_) | ClientError::MissingKey(_) | ClientError::Refused(_) | ClientError::Denied => {
            Error::Denied(text)
        }
        ClientError::Invalid(_) | ClientError::File(_) => Error::Invalid(text),
        ClientError::TimedOut => Error::Unavailable(text),
        ClientError::Bug(text) => Error::Bug(text),
    }
}
