use crate::frame::Fault;
use acquire_model::Clock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// How long one waits for the turn of a guess. With the longest delay after that, an answer comes within 20 seconds
/// (protocol 02 §1.6).
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Places that one network can take.
const PLACES_OF_NETWORK_MAX: usize = 12;

/// Lets guesses at the same thing be made one after the other, so that each meets the tally that the one before it left.
///
/// It is kept in memory: each instance of a function has its own.
pub(super) struct Line {
    clock: Arc<dyn Clock>,
    queues: Shared<tokio::sync::Mutex<()>>,
    networks: Shared<()>,
    places: Arc<Semaphore>,
}

/// The turn of one guess; it is over when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _of_network: OwnedMutexGuard<()>,
    _of_all: OwnedMutexGuard<()>,
}

/// A place to wait in, or to be held back in.
#[derive(Debug)]
pub(super) struct Place {
    _of_network: Arc<()>,
    _of_all: OwnedSemaphorePermit,
}

/// What is shared by all who name it, as long as anybody has it.
struct Shared<T>(Mutex<HashMap<String, Weak<T>>>);

impl Line {
    /// Makes one in which so many can wait at once.
    pub fn new(clock: Arc<dyn Clock>, places: usize) -> Self {
        let (queues, networks) = (Shared(Mutex::default()), Shared(Mutex::default()));
        Self { clock, queues, networks, places: Arc::new(Semaphore::new(places)) }
    }

    /// Waits for the turn of a guess at something; returns also the place, if it had to wait. First those of one network
    /// wait for each other, so that a crowd from there costs somebody who comes from elsewhere no more than one guess.
    ///
    /// # Errors
    /// `ServiceError` if too many wait, or for too long.
    pub async fn turn(&self, target: &str, network: &str) -> Result<(Turn, Option<Place>), Fault> {
        let of_network = self.queues.get(format!("{target} from {network}"));
        let of_all = self.queues.get(target.to_owned());
        if let (Ok(of_network), Ok(of_all)) = (of_network.clone().try_lock_owned(), of_all.clone().try_lock_owned()) {
            return Ok((Turn { _of_network: of_network, _of_all: of_all }, None));
        }
        let place = self.place(network)?;
        let wait = async {
            let of_network = of_network.lock_owned().await;
            Turn { _of_network: of_network, _of_all: of_all.lock_owned().await }
        };
        tokio::select! {
            biased;
            turn = wait => Ok((turn, Some(place))),
            () = self.clock.sleep(PATIENCE) => Err(Fault::busy()),
        }
    }

    /// Takes a place for somebody from a network.
    ///
    /// # Errors
    /// `ServiceError` if there is none, or the network has too many.
    pub fn place(&self, network: &str) -> Result<Place, Fault> {
        let of_network = self.networks.get(network.to_owned());
        if Arc::strong_count(&of_network) > PLACES_OF_NETWORK_MAX {
            return Err(Fault::busy());
        }
        let of_all = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Fault::busy())?;
        Ok(Place { _of_network: of_network, _of_all: of_all })
    }
}

impl<T: Default> Shared<T> {
    fn get(&self, name: String) -> Arc<T> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.retain(|_, thing| thing.strong_count() > 0);
        shared.get(&name).and_then(Weak::upgrade).unwrap_or_else(|| {
            let thing = Arc::default();
            shared.insert(name, Arc::downgrade(&thing));
            thing
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bell;
    use super::*;
    use futures::FutureExt;
    use futures::future::join_all;

    const PLACES: usize = 20;

    fn line() -> (Arc<Bell>, Line) {
        let bell = Arc::new(Bell::default());
        (bell.clone(), Line::new(bell, PLACES))
    }

    #[tokio::test]
    async fn guesses_at_one_thing_wait_for_each_other_and_others_do_not() {
        let (_, line) = line();
        let first = line.turn("bob", "a").await.unwrap();
        let mut second = Box::pin(line.turn("bob", "b"));
        assert!((&mut second).now_or_never().is_none());
        assert!(line.turn("eve", "a").await.unwrap().1.is_none(), "it needs no place");
        drop(first);
        assert!(second.await.unwrap().1.is_some());
        line.turn("bob", "a").await.unwrap();
        assert!(line.queues.0.lock().unwrap().len() <= 2, "what nobody has is forgotten");
        assert_eq!(line.places.available_permits(), PLACES);
    }

    #[tokio::test]
    async fn a_crowd_from_one_network_costs_others_one_guess() {
        let (_, line) = line();
        let mut crowd: Vec<_> = (0..50).map(|_| Box::pin(line.turn("bob", "a"))).collect();
        let mut polled: Vec<_> = crowd.iter_mut().map(|turn| turn.now_or_never()).collect();
        assert_eq!(polled.iter().flatten().filter(|turn| turn.is_ok()).count(), 1);
        let waiting = polled.iter().filter(|turn| turn.is_none()).count();
        assert_eq!(waiting, PLACES_OF_NETWORK_MAX, "the others are told to try again");
        let mut other = Box::pin(line.turn("bob", "b"));
        assert!((&mut other).now_or_never().is_none());
        polled.clear();
        assert!(crowd[1].as_mut().now_or_never().is_none(), "the other was there before");
        assert!(other.now_or_never().is_some());
    }

    #[tokio::test]
    async fn whoever_waits_too_long_or_behind_too_many_is_told_to_try_again() {
        let (bell, line) = line();
        let _first = line.turn("bob", "a").await.unwrap();
        let networks: Vec<String> = (0..PLACES + 9).map(|n| n.to_string()).collect();
        let outcomes = join_all(networks.iter().map(|network| line.turn("bob", network)));
        let ring = async {
            tokio::task::yield_now().await;
            assert_eq!(line.places.available_permits(), 0);
            bell.0.notify_waiters();
        };
        let (outcomes, ()) = tokio::join!(outcomes, ring);
        assert!(outcomes.iter().all(|turn| turn.as_ref().is_err_and(Fault::is_busy)));
        assert_eq!(line.places.available_permits(), PLACES, "nobody waits any more");
    }
}
