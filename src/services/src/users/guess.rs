use super::State;
use super::budget::network;
use super::line::{Place, Turn};
use super::record::{Format, place};
use super::throttle::{Tally, Whom};
use crate::frame::Fault;
use acquire_model::uid::Uid;
use acquire_store::{Decision, Document};
use futures::future::try_join_all;
use std::net::IpAddr;
use std::time::Duration;

/// Strangers' guesses that wait or are held back at once; the next one is told to try again. With the longest delay, that
/// bounds what all strangers together can try when many of them fail; and a host that answers 64 calls at once has some
/// left for others.
pub(super) const STRANGERS_MAX: usize = 40;
/// The same, of those who are known.
pub(super) const KNOWN_MAX: usize = 16;
/// How long the failures of everybody are counted together, seconds. Then a new tally begins: one that is never left
/// alone would have ever more versions.
const EVERYBODY_SECONDS: i64 = 600;

/// What somebody guesses at.
#[derive(Clone, Copy)]
pub(super) enum Target<'a> {
    /// The proof of whoever has that user name.
    Username(&'a str),
    /// The proof of somebody who is known by this device or session: however many others guess at the name, he need not
    /// wait; but whoever stole it gets no more guesses than others.
    Known(&'a Uid),
}

/// A guess whose turn it is. Until it is dropped, the next one at the same target waits; so it must live until its
/// failure is counted.
#[must_use]
pub(super) struct Guess {
    tallies: Vec<(Whom, String)>,
    _turn: Turn,
}

impl State {
    /// Waits for the turn of a guess, and then as long as earlier failures ask for.
    ///
    /// # Errors
    /// `ServiceError` if too many guess.
    pub(super) async fn guess(&self, target: Target<'_>, remote: Option<IpAddr>) -> Result<Guess, Fault> {
        let secrets = self.secrets().await?;
        let name = match target {
            Target::Username(username) => secrets.name("failures of", username),
            Target::Known(uid) => secrets.name("failures of known", uid.as_str()),
        };
        let line = match target {
            Target::Username(_) => &self.strangers,
            Target::Known(_) => &self.known,
        };
        let (turn, place) = line.turn(&name, &from(remote)).await?;
        let mut tallies = vec![(Whom::Name, name)];
        tallies.extend(self.tally_from(remote).await?);
        let window = self.clock.now().seconds().div_euclid(EVERYBODY_SECONDS);
        tallies.push((Whom::Everybody, secrets.name("failures of everybody", &window.to_string())));
        let asked = match target {
            Target::Username(_) => tallies.as_slice(),
            Target::Known(_) => tallies.get(..1).unwrap_or_default(),
        };
        self.hold_back(asked, || place.map_or_else(|| line.place(&from(remote)), Ok)).await?;
        Ok(Guess { tallies, _turn: turn })
    }

    /// Holds an answer back as long as failures from the address ask for.
    ///
    /// # Errors
    /// `ServiceError` if too many are held back.
    pub(super) async fn hold_back_address(&self, remote: Option<IpAddr>) -> Result<(), Fault> {
        let tally = self.tally_from(remote).await?;
        self.hold_back(tally.as_slice(), || self.strangers.place(&from(remote))).await
    }

    async fn hold_back(
        &self,
        tallies: &[(Whom, String)],
        place: impl FnOnce() -> Result<Place, Fault> + Send,
    ) -> Result<(), Fault> {
        let delays = try_join_all(tallies.iter().map(|(whom, name)| self.delay(*whom, name))).await?;
        let delay = delays.into_iter().max().unwrap_or_default();
        if !delay.is_zero() {
            let _place = place()?;
            self.clock.sleep(delay).await;
        }
        Ok(())
    }

    async fn delay(&self, whom: Whom, name: &str) -> Result<Duration, Fault> {
        let tally: Option<Document<Tally>> = self.store.read(&place::tally(name)?).await?;
        Ok(tally.map_or(Duration::ZERO, |tally| tally.value.delay(whom, self.clock.now())))
    }

    /// Counts that a guess was wrong.
    pub(super) async fn count(&self, guess: &Guess) -> Result<(), Fault> {
        for (whom, name) in &guess.tallies {
            self.tally(name, |tally| Tally::failed(tally, *whom, self.clock.now())).await?;
        }
        Ok(())
    }

    /// Counts a failure against the address, if there is one.
    pub(super) async fn count_address(&self, remote: Option<IpAddr>) -> Result<(), Fault> {
        match self.tally_from(remote).await? {
            Some((whom, name)) => self.tally(&name, |tally| Tally::failed(tally, whom, self.clock.now())).await,
            None => Ok(()),
        }
    }

    /// Writes what a wrong code would have the counter of the codes write: so much work must not tell that a password was
    /// right. The counter itself is out of reach of those who do not have the password, or they could lock a user out.
    pub(super) async fn count_in_vain(&self, username: &str) -> Result<(), Fault> {
        let name = self.secrets().await?.name("codes in vain of", username);
        self.tally(&name, |_| Some(Tally { format: Format, failures: 0, last: self.clock.now() })).await
    }

    async fn tally(
        &self,
        name: &str,
        next: impl Fn(Option<&Tally>) -> Option<Tally> + Send + Sync,
    ) -> Result<(), Fault> {
        let decide = |tally: Option<&Tally>| -> Result<_, acquire_store::Error> {
            Ok(next(tally).map_or(Decision::Keep(()), |next| Decision::Write(next, ())))
        };
        match self.store.modify(&place::tally(name)?, decide).await {
            // A count that a crowd of failures keeps us from is one less of many.
            Err(acquire_store::Error::Contended { .. }) => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    async fn tally_from(&self, remote: Option<IpAddr>) -> Result<Option<(Whom, String)>, Fault> {
        let secrets = self.secrets().await?;
        Ok(remote.map(|remote| (Whom::Address, secrets.name("failures from", &from(Some(remote))))))
    }
}

/// Names the network that somebody is in; one for all whose address is not known.
fn from(remote: Option<IpAddr>) -> String {
    remote.map_or_else(String::new, |remote| network(remote).to_string())
}
