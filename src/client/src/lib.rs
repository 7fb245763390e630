//! The client side of Acquire: calls to services over HTTP, the directory of services, log-in sessions, and the wallet.
//!
//! Used by the command line and by services for their own outbound calls. What this crate deliberately does not know:
//! terminals, the environment, providers, plans, and how any service does its work.

/// One call: sealed, sent, opened and checked.
pub mod call;
/// One-time codes.
pub mod code;
/// Finds services through their registry.
pub mod directory;
/// What went wrong with a call.
pub mod error;
/// Files for one user alone.
pub mod file;
/// Registering and logging in.
pub mod login;
/// The URL behind which a log-in waits.
pub mod login_url;
/// Which addresses may be connected to.
pub mod reach;
/// A logged-in user.
pub mod session;
/// Bytes there and back.
pub mod transport;
/// The files of the Python client.
pub mod wallet;

pub use call::{Caller, call};
pub use code::one_time_code;
pub use directory::{Directory, discover, provisioned};
pub use error::Error;
pub use login::{
    Approved, Ask, Login, Pending, Registered, Status, Waiting, derived_password, register, request_login,
    send_credentials, send_with_secret, status, wait, waiting,
};
pub use login_url::LoginUrl;
pub use reach::Reach;
pub use session::{Session, SessionKeys, logout};
pub use transport::{Http, Names, Settings, Transport};
pub use wallet::{Account, Seeded, Wallet};

/// Services made up for tests.
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
