use crate::plan::call::{Failure, Policy, Retry};
use crate::plan::{Call, Step};
use crate::state::Lease;
use acquire_model::{Attributes, Part, Timestamp};
use acquire_provider::{Change, Context, Deleted, Error, Resource, Target};
use acquire_store::probe::{self, Verdict};

/// The call that a step makes, with everything filled in.
pub(super) struct Work<'a> {
    pub(super) cx: &'a Context,
    pub(super) step: &'a Step,
    pub(super) target: Target,
    pub(super) resource: &'a dyn Resource,
    pub(super) desired: &'a Attributes,
    pub(super) policy: &'a Policy,
    /// Until when it may be made.
    pub(super) lease: &'a Lease,
}

/// What a step came to.
pub(super) enum Effect {
    /// The thing is there, and like this.
    Present(Attributes),
    /// It is gone.
    Gone,
    /// It counts as gone; the vendor deletes it then.
    Scheduled(Timestamp),
}

/// Why a step failed, and what is known afterwards.
pub(super) struct Broken {
    pub(super) cause: Cause,
    pub(super) seen: Seen,
}

/// Why a step failed.
pub(super) enum Cause {
    /// The run was stopped before its call.
    Halted,
    /// Its call failed for good.
    Call(Failure),
    /// The bucket that it made breaks this promise.
    Unsound(String),
}

/// What was seen after a failure.
pub(super) enum Seen {
    /// Nothing: the step stays in doubt.
    Nothing,
    /// The thing is there, and like this.
    There(Attributes),
    /// It is not there.
    Missing,
}

impl From<Failure> for Cause {
    fn from(failure: Failure) -> Self {
        Self::Call(failure)
    }
}

impl Cause {
    /// The cause, if nothing is known beside it.
    pub(super) fn unseen(self) -> Broken {
        Broken { cause: self, seen: Seen::Nothing }
    }
}

impl Work<'_> {
    /// Makes the call, again and again while that may help.
    pub(super) async fn perform(&self, mut retrying: impl FnMut(&Retry<'_>)) -> Result<Effect, Broken> {
        let tried = match self.step.call {
            Call::Create => self.create(&mut retrying).await,
            Call::Update => self.update(self.prior(), &mut retrying).await.map_err(Cause::from),
            Call::Delete => self.delete(&mut retrying).await.map_err(Cause::from),
            Call::Record | Call::Move => Ok(Effect::Present(self.prior().clone())),
            Call::Forget => Ok(Effect::Gone),
        };
        match tried {
            Ok(effect) => Ok(effect),
            Err(cause) => match self.look_after(&cause).await {
                Seen::Missing if self.step.call == Call::Delete => Ok(Effect::Gone),
                seen => Err(Broken { cause, seen }),
            },
        }
    }

    fn prior(&self) -> &Attributes {
        static NOTHING: Attributes = Attributes::new();
        self.step.prior.as_ref().unwrap_or(&NOTHING)
    }

    /// Creates it. What an earlier run made, and was cut off, may have been asked for with other inputs: then it is
    /// brought to these.
    async fn create(&self, retrying: &mut impl FnMut(&Retry<'_>)) -> Result<Effect, Cause> {
        let create = || self.sent(self.resource.create(self.cx, &self.target, self.desired));
        let made = self.policy.call(self.cx, create, &mut *retrying).await?;
        let differs = || matches!(self.resource.compare(self.desired, &made), Change::Update(_));
        let effect = if self.step.prior.is_some() && differs() {
            self.update(&made, retrying).await?
        } else {
            Effect::Present(made)
        };
        if let Effect::Present(made) = &effect
            && self.step.service.is_some()
            && self.step.address.kind().as_str() == Part::Bucket.as_str()
        {
            self.probe(made, retrying).await?;
        }
        Ok(effect)
    }

    async fn update(&self, prior: &Attributes, retrying: &mut impl FnMut(&Retry<'_>)) -> Result<Effect, Failure> {
        let update = || self.sent(self.resource.update(self.cx, &self.target, prior, self.desired));
        self.policy.call(self.cx, update, retrying).await.map(Effect::Present)
    }

    async fn delete(&self, retrying: &mut impl FnMut(&Retry<'_>)) -> Result<Effect, Failure> {
        let delete = || self.sent(self.resource.delete(self.cx, &self.target, self.prior()));
        match self.policy.call(self.cx, delete, retrying).await {
            Ok(Deleted::Gone) => Ok(Effect::Gone),
            Ok(Deleted::Scheduled(at)) => Ok(Effect::Scheduled(at)),
            Err(Failure { error: Error::NotFound(_), .. }) => Ok(Effect::Gone),
            Err(failure) => Err(failure),
        }
    }

    /// Sends a call that changes something, unless somebody else may hold the lock by now.
    async fn sent<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if self.lease.may_call() {
            call.await
        } else {
            Err(Error::Denied("this run may have lost the lock of the state".to_owned()))
        }
    }

    /// Tries whether the bucket of a service keeps the promises that its store rests on.
    async fn probe(&self, made: &Attributes, retrying: &mut impl FnMut(&Retry<'_>)) -> Result<(), Cause> {
        let probe = || async {
            let objects = self.resource.open_bucket(self.cx, made)?;
            probe::run(&objects, probe::Plan::QUICK, self.cx.entropy.as_ref()).await.map_err(from_store)
        };
        match self.policy.call(self.cx, probe, retrying).await? {
            Verdict::Sound => Ok(()),
            Verdict::Unsound { fault } => Err(Cause::Unsound(fault)),
        }
    }

    /// Looks what is there after a failure that had no effect, or should have had none. After a call that may still
    /// have its effect nothing would be certain; and whatever could be created is created again with the same token,
    /// so that nothing half made is taken for whole.
    async fn look_after(&self, cause: &Cause) -> Seen {
        match cause {
            Cause::Call(Failure { doubtful: false, .. }) => {}
            Cause::Halted | Cause::Call(_) | Cause::Unsound(_) => return Seen::Nothing,
        }
        let read = || self.resource.read(self.cx, &self.target, self.step.prior.as_ref());
        match self.policy.call(self.cx, read, |_| ()).await {
            Err(_) => Seen::Nothing,
            Ok(None) => Seen::Missing,
            Ok(Some(_)) if self.step.call == Call::Create => Seen::Nothing,
            Ok(Some(attributes)) => Seen::There(attributes),
        }
    }
}

fn from_store(error: acquire_store::Error) -> Error {
    match error {
        acquire_store::Error::Unavailable(_) => Error::Unavailable(error.to_string()),
        acquire_store::Error::Denied(_) => Error::Denied(error.to_string()),
        acquire_store::Error::Contended { .. } => Error::Conflict(error.to_string()),
        acquire_store::Error::Bug(_) => Error::Bug(error.to_string()),
        acquire_store::Error::Tampered { .. }
        | acquire_store::Error::UnknownFormat { .. }
        | acquire_store::Error::Unreadable { .. }
        | acquire_store::Error::Invalid(_) => Error::Invalid(error.to_string()),
    }
}
