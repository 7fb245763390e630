//! What may go wrong for a user: ACQ0410 to ACQ0429. (ACQ0401 to ACQ0409 are `acquire_trust::codes`.)

use acquire_model::Code;

/// No deployment is named, and none is here.
pub const NO_DEPLOYMENT: Code = Code(410);
/// The registry or the identity service cannot be reached.
pub const UNREACHABLE: Code = Code(411);
/// What answers is not the service that is known here.
pub const NOT_THE_ONE: Code = Code(412);
/// The user name is taken or not allowed.
pub const NAME: Code = Code(413);
/// User name, password or one-time code is wrong.
pub const REFUSED: Code = Code(414);
/// The one-time code was used before.
pub const CODE_USED: Code = Code(415);
/// Nobody is logged in here.
pub const NOT_LOGGED_IN: Code = Code(416);
/// The log-in was denied, or has ended.
pub const OVER: Code = Code(417);
/// A file of the user cannot be read or written.
pub const FILE: Code = Code(418);
/// Something must be typed and there is no terminal.
pub const NO_TERMINAL: Code = Code(419);
/// The service refused for another reason.
pub const SERVICE: Code = Code(420);
/// The password is too weak.
pub const PASSWORD: Code = Code(421);
/// The registry does not know the service.
pub const NO_SERVICE: Code = Code(422);
/// It is no login URL, or one of another deployment.
pub const LOGIN_URL: Code = Code(423);
