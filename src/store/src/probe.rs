use crate::Error;
use crate::objects::{self, Placed, place};
use acquire_model::Entropy;
use bytes::Bytes;
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many objects are written or deleted at once.
const TOGETHER_MAX: usize = 16;

/// How hard to probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many races there are.
    pub rounds: usize,
    /// How many race in each for one name.
    pub racers: usize,
    /// How many objects are listed; more than 1 000 shows that all pages are given.
    pub listed: usize,
}

impl Plan {
    /// For every apply.
    pub const QUICK: Self = Self { rounds: 4, racers: 16, listed: 8 };
    /// Before a store is trusted with money.
    pub const FULL: Self = Self { rounds: 100, racers: 64, listed: 1_001 };
}

/// What the probe found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[must_use]
pub enum Verdict {
    /// The store kept every promise that was tried.
    Sound,
    /// It broke one.
    Unsound {
        /// Which, for people.
        fault: String,
    },
}

/// Tries the promises that everything else rests on, in a place of its own below `_probe`, and cleans up.
///
/// # Errors
/// `Denied` or `Unavailable` if the store cannot be used at all.
pub async fn run(objects: &Arc<dyn ObjectStore>, plan: Plan, entropy: &dyn Entropy) -> Result<Verdict, Error> {
    let place = Path::from(format!("_probe/{}", objects::id(entropy)));
    let probe = Probe { store: objects.as_ref(), place, entropy };
    let tried = probe.all(plan).await;
    let cleaned = probe.clean().await;
    match tried {
        Err(Stop::Fault(fault)) => Ok(Verdict::Unsound { fault }),
        Err(Stop::Error(error)) => Err(error),
        Ok(()) => cleaned.map(|()| Verdict::Sound),
    }
}

/// Why a probe ends early.
enum Stop {
    Fault(String),
    Error(Error),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

fn promise(kept: bool, broken: &str) -> Result<(), Stop> {
    if kept { Ok(()) } else { Err(Stop::Fault(broken.to_owned())) }
}

struct Probe<'a> {
    store: &'a dyn ObjectStore,
    place: Path,
    entropy: &'a dyn Entropy,
}

impl Probe<'_> {
    async fn all(&self, plan: Plan) -> Result<(), Stop> {
        // At once, to be quick; all to their end, so that nothing is still being written when the place is cleaned.
        let (refused, again, races, lists) = futures::join!(
            self.create_is_refused_on_what_exists(),
            self.deleted_names_can_be_created(),
            self.races_have_one_winner(plan),
            self.lists_show_everything(plan.listed),
        );
        refused.and(again).and(races).and(lists)
    }

    async fn create_is_refused_on_what_exists(&self) -> Result<(), Stop> {
        let name = self.name("existing");
        let first = self.body();
        promise(self.create(&name, &first).await?.is_ours(), "a new name was said to exist")?;
        promise(self.read(&name).await? == Some(first.clone()), "an object cannot be read at once after its creation")?;
        let second = matches!(self.create(&name, &self.body()).await?, Placed::Theirs(found) if found == first);
        promise(second, "a create on an existing object was not refused")?;
        promise(self.read(&name).await? == Some(first), "a refused create changed the object")
    }

    async fn deleted_names_can_be_created(&self) -> Result<(), Stop> {
        let name = self.name("deleted");
        self.create(&name, &self.body()).await?;
        self.store.delete(&name).await?;
        promise(self.read(&name).await?.is_none(), "an object can be read after its deletion")?;
        let again = self.create(&name, &self.body()).await?.is_ours();
        promise(again, "the name of a deleted object cannot be created")
    }

    async fn races_have_one_winner(&self, plan: Plan) -> Result<(), Stop> {
        for round in 0..plan.rounds {
            let name = self.name(&format!("race-{round}"));
            let bodies: Vec<Bytes> = (0..plan.racers).map(|_| self.body()).collect();
            let outcomes = try_join_all(bodies.iter().map(|body| self.create(&name, body))).await?;
            let won: Vec<&Bytes> =
                outcomes.iter().zip(&bodies).filter(|(outcome, _)| outcome.is_ours()).map(|(_, body)| body).collect();
            let [winner] = won.as_slice() else {
                return Err(Stop::Fault(format!("{} of {} racing creates of one name won", won.len(), plan.racers)));
            };
            let seen = |outcome: &Placed| match outcome {
                Placed::Ours => true,
                Placed::Theirs(found) => found == *winner,
            };
            promise(outcomes.iter().all(seen), "who lost a race did not see the winner's object")?;
        }
        Ok(())
    }

    async fn lists_show_everything(&self, listed: usize) -> Result<(), Stop> {
        let folder = self.name("listed");
        let names: BTreeSet<Path> = (0..listed).map(|n| folder.clone().join(format!("{n:06}"))).collect();
        let body = self.body();
        // Collected, since a closure that is kept while waiting is not `Send` for all lifetimes.
        let creates: Vec<_> = names.iter().map(|name| self.create(name, &body)).collect();
        futures::stream::iter(creates)
            .buffer_unordered(TOGETHER_MAX)
            .try_for_each(|_| std::future::ready(Ok(())))
            .await?;
        promise(self.list(&folder).await? == names, "a list does not show the objects that were just created")
    }

    async fn clean(&self) -> Result<(), Error> {
        let names = self.list(&self.place).await?;
        let deletes: Vec<_> = names.iter().map(|name| self.store.delete(name)).collect();
        futures::stream::iter(deletes)
            .buffer_unordered(TOGETHER_MAX)
            .try_for_each(|()| std::future::ready(Ok(())))
            .await?;
        Ok(())
    }

    fn name(&self, name: &str) -> Path {
        self.place.clone().join(name)
    }

    fn body(&self) -> Bytes {
        format!("acquire-probe 1 {}\n", objects::id(self.entropy)).into()
    }

    async fn create(&self, name: &Path, body: &Bytes) -> Result<Placed, Error> {
        place(self.store, name, body).await
    }

    async fn read(&self, name: &Path) -> Result<Option<Bytes>, Error> {
        objects::fetch(self.store, name).await
    }

    async fn list(&self, folder: &Path) -> Result<BTreeSet<Path>, Error> {
        Ok(self.store.list(Some(folder)).map_ok(|object| object.location).try_collect().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Dice, Vice, unreliable};
    use crate::{local, memory};

    #[tokio::test(flavor = "multi_thread")]
    async fn sound_stores_pass_and_nothing_is_left() {
        let directory = tempfile::tempdir().unwrap();
        for (objects, plan) in [(memory(), Plan::FULL), (local(directory.path()).unwrap(), Plan::QUICK)] {
            assert_eq!(run(&objects, plan, &Dice).await, Ok(Verdict::Sound));
            assert!(objects.list(None).next().await.is_none());
        }
        assert!(std::fs::read_dir(directory.path()).unwrap().next().is_none());
    }

    #[tokio::test]
    async fn stores_that_break_a_promise_are_found_out() {
        for vice in [Vice::IgnoresConditions, Vice::RefusesAndOverwrites, Vice::ForgetsOne] {
            let verdict = run(&unreliable(vice), Plan::QUICK, &Dice).await;
            assert!(matches!(verdict, Ok(Verdict::Unsound { .. })), "{vice:?}: {verdict:?}");
        }
    }

    #[tokio::test]
    async fn lost_answers_are_no_fault_but_a_dead_store_is_an_error() {
        assert_eq!(run(&unreliable(Vice::LosesReplies), Plan::QUICK, &Dice).await, Ok(Verdict::Sound));
        assert!(matches!(run(&unreliable(Vice::Down), Plan::QUICK, &Dice).await, Err(Error::Unavailable(_))));
    }
}
