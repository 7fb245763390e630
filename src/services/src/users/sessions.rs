use super::State;
use super::record::{Format, Membership, Short, place};
use super::session::{Approval, Phase, Session};
use super::throttle::Tally;
use crate::frame::Fault;
use acquire_envelope::exception::Class;
use acquire_model::time::SECOND;
use acquire_model::uid::Uid;
use acquire_model::{Timestamp, ports};
use acquire_store::{Created, Decision, Document, Written};

/// How often a uid is drawn whose short form is in use.
const DRAWS_MAX: u32 = 16;
/// Sessions, and tallies, looked at in one sweep.
const SWEEP_MAX: usize = 500;
/// How long a session that was approved is kept after its end, seconds: what it signed may be looked into.
const KEPT_SECONDS: i64 = 90 * 86_400;
/// How long one is kept that nobody approved, seconds.
const KEPT_UNAPPROVED_SECONDS: i64 = 86_400;

impl State {
    /// Stores a new session under a uid whose short form no other has.
    pub(super) async fn open_session(&self, session: &Session) -> Result<Uid, Fault> {
        for _ in 0..DRAWS_MAX {
            let uid = Uid::draw(self.entropy.as_ref());
            let short = Short { format: Format, session: uid.clone() };
            match self.store.create(&place::short(uid.short())?, &short).await? {
                Created::Existed(_) => continue,
                Created::Made => match self.store.write(&place::session(&uid)?, None, session).await? {
                    Written::Done(_) => return Ok(uid),
                    Written::Lost => continue,
                },
            }
        }
        Err(Fault::new(Class::LoginSessionError, "no short name for this log-in session is free; try again"))
    }

    /// Reads a session.
    ///
    /// # Errors
    /// `LoginSessionError` if there is none.
    pub(crate) async fn session(&self, uid: &Uid) -> Result<Session, Fault> {
        let document: Option<Document<Session>> = self.store.read(&place::session(uid)?).await?;
        document.map(|document| document.value).ok_or_else(no_session)
    }

    /// Finds the pending session of a short uid, dotted or not. There is one at most.
    ///
    /// # Errors
    /// `LoginSessionError` if there is none.
    pub(crate) async fn pending(&self, short: &str) -> Result<(Uid, Session), Fault> {
        let short: String = short.chars().filter(|c| *c != '.').collect();
        if short.len() != 8 || !short.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(no_session());
        }
        let named: Option<Short> = self.store.get(&place::short(&short)?).await?;
        let uid = named.ok_or_else(no_session)?.session;
        let session = self.session(&uid).await?;
        match session.phase(self.clock.now()) {
            Phase::Pending => Ok((uid, session)),
            _ => Err(no_session()),
        }
    }

    /// Changes a session; `None` from `change` leaves it as it is.
    ///
    /// # Errors
    /// `LoginSessionError` if there is none; whatever `change` refuses with.
    pub(super) async fn change_session(
        &self,
        uid: &Uid,
        mut change: impl FnMut(&Session, Timestamp) -> Result<Option<Session>, Fault> + Send,
    ) -> Result<(), Fault> {
        let decide = |session: Option<&Session>| {
            let now = self.clock.now();
            Ok(match change(session.ok_or_else(no_session)?, now)? {
                Some(session) => Decision::Write(session, ()),
                None => Decision::Keep(()),
            })
        };
        self.store.modify(&place::session(uid)?, decide).await
    }

    /// Approves a session. It is among the user's sessions before it is approved, so that ending all ends it too.
    ///
    /// # Errors
    /// `LoginSessionError` unless it is pending.
    pub(super) async fn approve(&self, uid: &Uid, approval: &Approval) -> Result<(), Fault> {
        let place = place::sessions_of(&approval.user)?.child(uid.as_str())?;
        let (Created::Made | Created::Existed(_)) = self.store.create(&place, &Membership { format: Format }).await?;
        self.change_session(uid, |session, _| session.approved(approval.clone()).map(Some)).await
    }

    /// Ends those of a user's sessions that `ends` picks.
    pub(super) async fn end_sessions(
        &self,
        user: &Uid,
        ends: impl Fn(&Uid, &Session) -> bool + Send + Sync,
    ) -> Result<(), Fault> {
        for place in self.store.list(&place::sessions_of(user)?).await? {
            let Some(uid) = place.segments().last().and_then(|uid| uid.parse::<Uid>().ok()) else { continue };
            let end = |session: &Session, now| Ok(session.logged_out(now).filter(|_| ends(&uid, session)));
            match self.change_session(&uid, end).await {
                // It was deleted long after its end.
                Err(fault) if fault.class() == Class::LoginSessionError => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// Deletes sessions long after their end and tallies of failures long ago, from one shelf that is drawn each time.
    pub(super) async fn sweep(&self) -> Result<u64, Fault> {
        let [byte] = ports::draw(self.entropy.as_ref());
        let shelf = format!("{byte:02x}");
        Ok(self.sweep_sessions(&shelf).await? + self.sweep_tallies(&shelf).await?)
    }

    async fn sweep_sessions(&self, shelf: &str) -> Result<u64, Fault> {
        let shelf = place::shelf_of_sessions(shelf)?;
        let mut deleted = 0;
        for place in self.store.list_from(&shelf, None, SWEEP_MAX).await? {
            let Some(uid) = place.segments().last().and_then(|uid| uid.parse::<Uid>().ok()) else { continue };
            let Some(Document { value: session, .. }) = self.store.read::<Session>(&place).await? else { continue };
            if session.is_forgettable(self.clock.now()) {
                self.forget_session(&uid, &session).await?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    /// A failure that is counted in this very moment may be lost: it would be the first for a day.
    async fn sweep_tallies(&self, shelf: &str) -> Result<u64, Fault> {
        let mut deleted = 0;
        for place in self.store.list_from(&place::shelf_of_tallies(shelf)?, None, SWEEP_MAX).await? {
            let tally: Option<Document<Tally>> = self.store.read(&place).await?;
            if tally.is_some_and(|tally| tally.value.is_forgettable(self.clock.now())) {
                self.store.remove(&place).await?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    /// Deletes a session and what points to it; the session last, so that a sweep that breaks off is taken up again.
    async fn forget_session(&self, uid: &Uid, session: &Session) -> Result<(), Fault> {
        self.store.delete(&place::short(uid.short())?).await?;
        if let Some(user) = session.user() {
            self.store.delete(&place::sessions_of(user)?.child(uid.as_str())?).await?;
        }
        Ok(self.store.remove(&place::session(uid)?).await?)
    }
}

impl Session {
    fn approval(&self) -> Option<&Approval> {
        match &self.phase {
            Phase::Approved(approval) => Some(approval),
            Phase::LoggedOut { approval, .. } => approval.as_ref(),
            Phase::Pending | Phase::Denied { .. } => None,
        }
    }

    /// Who stands, or stood, behind it.
    pub(super) fn user(&self) -> Option<&Uid> {
        self.approval().map(|approval| &approval.user)
    }

    /// When it was approved.
    pub(super) fn approved_at(&self) -> Option<Timestamp> {
        self.approval().map(|approval| approval.at)
    }

    /// The device whose code approved it.
    pub(super) fn device(&self) -> Option<&Uid> {
        self.approval().and_then(|approval| approval.device.as_ref())
    }

    fn is_forgettable(&self, now: Timestamp) -> bool {
        let kept = if self.user().is_some() { KEPT_SECONDS } else { KEPT_UNAPPROVED_SECONDS };
        self.ended(now).is_some_and(|ended| now.since(ended) > kept * SECOND)
    }
}

/// One text for a session that is not there and for one that one may not know of.
pub(super) fn no_session() -> Fault {
    Fault::new(Class::LoginSessionError, "there is no such log-in session")
}
