use acquire_model::Environment;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{HttpClient, HttpConnector};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientConfigKey, ClientOptions, ObjectStore, ObjectStoreScheme, RetryConfig};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The longest that connecting may take.
const CONNECT_SECONDS_MAX: u64 = 5;
/// The longest that one request may take.
const REQUEST_SECONDS_MAX: u64 = 30;
/// How often a request is repeated below our own retries, and how long.
const RETRIES_MAX: usize = 3;
const RETRY_SECONDS_MAX: u64 = 15;

/// Why the bucket of a URL cannot be opened, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unopened(String);

/// Whether a place is named by a URL of a bucket, and not by a path.
pub fn is_bucket(place: &str) -> bool {
    place.contains("://") && !place.starts_with("file://")
}

/// Opens the object store that a URL such as `s3://bucket/folder` names; what is in it is named from the folder on.
///
/// Credentials, regions and endpoints are those of the vendors' own variables (`AWS_…`, `AZURE_…`, `GOOGLE_…`). Nothing
/// is called yet.
///
/// # Errors
/// If the URL is of no known kind, or the variables do not say what is needed.
pub fn open(url: &str, environment: &Environment) -> Result<Arc<dyn ObjectStore>, Unopened> {
    let unopened = |problem: &dyn std::fmt::Display| Unopened(format!("{url} cannot be opened: {problem}"));
    let parsed = Url::parse(url).map_err(|error| unopened(&error))?;
    let (scheme, folder) = ObjectStoreScheme::parse(&parsed).map_err(|error| unopened(&error))?;
    // A macro, since the three builders have the same methods and no trait.
    macro_rules! built {
        ($builder:ident, $prefix:literal) => {{
            let variables = environment.variables().filter(|(name, _)| name.starts_with($prefix));
            let builder = variables.fold($builder::new().with_url(url), |builder, (name, value)| {
                match name.to_ascii_lowercase().parse() {
                    Ok(key) => builder.with_config(key, value),
                    Err(_) => builder,
                }
            });
            let built = builder.with_http_connector(Connector).with_retry(retries()).build();
            Arc::new(built.map_err(|error| unopened(&error))?) as Arc<dyn ObjectStore>
        }};
    }
    let store = match scheme {
        ObjectStoreScheme::AmazonS3 => built!(AmazonS3Builder, "AWS_"),
        ObjectStoreScheme::MicrosoftAzure => built!(MicrosoftAzureBuilder, "AZURE_"),
        ObjectStoreScheme::GoogleCloudStorage => built!(GoogleCloudStorageBuilder, "GOOGLE_"),
        _ => return Err(unopened(&"the URL of a bucket begins with s3://, az:// or gs://")),
    };
    Ok(if folder == Path::ROOT { store } else { Arc::new(PrefixStore::new(store, folder)) })
}

fn retries() -> RetryConfig {
    RetryConfig {
        max_retries: RETRIES_MAX,
        retry_timeout: Duration::from_secs(RETRY_SECONDS_MAX),
        ..RetryConfig::default()
    }
}

/// Makes HTTP clients whose TLS is rustls with ring.
#[derive(Debug)]
struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let may_be_plain = options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|value| value == "true");
        let failed = |source| object_store::Error::Generic { store: "HTTP client", source };
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(may_be_plain).map_err(|error| failed(Box::new(error)))?)
            .https_only(!may_be_plain)
            .connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX))
            .timeout(Duration::from_secs(REQUEST_SECONDS_MAX))
            .build()
            .map_err(|error| failed(Box::new(error)))?;
        Ok(HttpClient::new(client))
    }
}

/// TLS with the machine's root certificates. A machine may have none, if plain HTTP will do.
fn tls(may_be_plain: bool) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    match Verifier::new(provider) {
        Ok(verifier) => {
            Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
        }
        Err(_) if may_be_plain => Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_with(url: &str, variables: &[(&str, &str)]) -> Result<Arc<dyn ObjectStore>, Unopened> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        open(url, &Environment::new(variables))
    }

    #[test]
    fn each_kind_of_bucket_is_opened_with_the_variables_of_its_vendor() {
        let s3 = open_with("s3://bucket/a/b", &[("AWS_REGION", "eu-west-2"), ("TOKEN", "of something else")]).unwrap();
        assert!(s3.to_string().contains("a/b"), "{s3}");
        let key = ("AZURE_STORAGE_ACCOUNT_KEY", "a2V5");
        open_with("az://container", &[("AZURE_STORAGE_ACCOUNT_NAME", "account"), key]).unwrap();
        open_with("gs://bucket/state", &[("GOOGLE_SKIP_SIGNATURE", "true")]).unwrap();
    }

    #[test]
    fn what_is_no_bucket_or_lacks_a_variable_is_refused_with_its_url() {
        for url in ["az://container", "http://127.0.0.1/state", "ftp://host/x", "s3://", "nonsense"] {
            let refused = open_with(url, &[]).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("{url} cannot be opened: ")), "{refused}");
        }
        assert!(is_bucket("s3://bucket") && !is_bucket("file:///a") && !is_bucket("a/b"));
    }
}
