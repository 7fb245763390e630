use acquire_model::ports::draw;
use acquire_model::{Clock, Entropy};
use acquire_provider::{Context, Error};
use futures::future::{Either, select};
use std::pin::pin;
use std::time::Duration;

/// How long one call to a provider may take, and how it is tried again. The one retry policy there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The longest that one call may take; then it counts as unavailable.
    pub call_timeout: Duration,
    /// The longest that one step may take with all its tries: no try is begun that could only start later.
    pub step_timeout: Duration,
    /// The pause after the first failed try; it doubles with each.
    pub pause: Duration,
    /// The longest pause, unless the other side asks for a longer one.
    pub pause_max: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            call_timeout: Duration::from_secs(120),
            step_timeout: Duration::from_secs(300),
            pause: Duration::from_millis(500),
            pause_max: Duration::from_secs(20),
        }
    }
}

/// A call that failed for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What the last try said.
    pub(crate) error: Error,
    /// Whether some try may have had its effect although it failed.
    pub(crate) doubtful: bool,
    /// How often it was tried.
    pub(crate) attempts: u32,
}

/// A try that failed and is followed by another.
pub(crate) struct Retry<'a> {
    /// Which try failed, from 1.
    pub(crate) attempt: u32,
    /// The pause before the next.
    pub(crate) wait: Duration,
    /// Why it failed.
    pub(crate) error: &'a Error,
}

impl Policy {
    /// Makes a call, each try with a deadline, again and again while that may help.
    pub(crate) async fn call<T, F: Future<Output = Result<T, Error>>>(
        &self,
        cx: &Context,
        mut call: impl FnMut() -> F,
        mut retrying: impl FnMut(&Retry<'_>),
    ) -> Result<T, Failure> {
        let began = cx.clock.monotonic();
        let mut doubtful = false;
        let mut attempt = 1;
        loop {
            let error = match within(cx.clock.as_ref(), self.call_timeout, call()).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            doubtful |= matches!(error, Error::Unavailable(_));
            let wait = self.pause_after(attempt, &error, cx.entropy.as_ref());
            let spent = cx.clock.monotonic().saturating_sub(began);
            if !error.is_retryable() || spent.saturating_add(wait) > self.step_timeout {
                return Err(Failure { error, doubtful, attempts: attempt });
            }
            retrying(&Retry { attempt, wait, error: &error });
            cx.clock.sleep(wait).await;
            attempt += 1;
        }
    }

    /// Half of the doubled pause is certain, half is drawn, so that many callers do not come back at one instant. What
    /// the other side asked for comes on top of the drawn half.
    fn pause_after(&self, attempt: u32, error: &Error, entropy: &dyn Entropy) -> Duration {
        let doubled = self.pause.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(self.pause_max);
        let half = doubled / 2;
        let share = f64::from(u32::from_be_bytes(draw(entropy))) / f64::from(u32::MAX);
        let asked = match error {
            Error::Throttled { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        half.max(asked).saturating_add(half.mul_f64(share))
    }
}

/// Waits for an answer no longer than this. After that the call may or may not have had its effect.
async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    // The call is polled first, so an answer that is there at the deadline counts.
    match select(pin!(call), pin!(clock.sleep(limit))).await {
        Either::Left((answer, _)) => answer,
        Either::Right(((), _)) => Err(Error::Unavailable(format!("no answer within {} s", limit.as_secs()))),
    }
}
