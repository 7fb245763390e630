//! The client against services made up here, which speak through the real envelope.

mod calls;
mod directory;
mod logins;
mod wallet;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use acquire_envelope::service::ServiceRecord;
use acquire_envelope::{Exception, exception, reply};
use acquire_model::{Clock, ServiceType, Timestamp};
use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::testing::{Fake, Net, Still, directory_of, echo, key, registry};
use crate::{Directory, Error, Transport};
