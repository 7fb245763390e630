use acquire_model::{Clock, Entropy, Timestamp};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// The instant at which virtual time begins: 2026-01-01.
const BEGIN_SECONDS: i64 = 1_767_225_600;

/// A clock that moves only when nothing else can: whoever sleeps for an hour is woken at once if everybody sleeps.
#[derive(Clone, Default)]
pub struct VirtualClock(Arc<Mutex<Time>>);

#[derive(Default)]
struct Time {
    now: Duration,
    sleepers: BTreeMap<(Duration, u64), Waker>,
    drawn: u64,
}

impl VirtualClock {
    /// Runs a future to its end on this thread, moving the clock whenever it waits for nothing but time. `None` if it
    /// waits for something that never comes.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        loop {
            while woken.0.swap(false, Ordering::SeqCst) {
                if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                    return Some(value);
                }
            }
            self.next_sleeper()?.wake();
        }
    }

    /// Moves the clock to where the first sleeper wants to be woken.
    fn next_sleeper(&self) -> Option<Waker> {
        let mut time = self.time();
        let ((at, _), waker) = time.sleepers.pop_first()?;
        time.now = time.now.max(at);
        Some(waker)
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let micros = i64::try_from(self.time().now.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(Timestamp::EPOCH.plus_seconds(BEGIN_SECONDS).micros().saturating_add(micros))
    }

    fn monotonic(&self) -> Duration {
        self.time().now
    }

    async fn sleep(&self, duration: Duration) {
        let at = self.monotonic().saturating_add(duration);
        Sleep { clock: self.clone(), at, place: None }.await;
    }
}

/// One sleeper; it leaves no trace when it is dropped early.
struct Sleep {
    clock: VirtualClock,
    at: Duration,
    place: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock.clone();
        let mut time = clock.time();
        if time.now >= self.at {
            return Poll::Ready(());
        }
        let place = *self.place.get_or_insert_with(|| {
            time.drawn += 1;
            time.drawn
        });
        time.sleepers.insert((self.at, place), cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.clock.time().sleepers.remove(&(self.at, place));
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Numbers that follow from a seed: for tests and simulation only, never for keys.
pub struct Seeded(AtomicU64);

impl Seeded {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Draws a number (splitmix64).
    pub fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number below `bound`; 0 if that is 0.
    pub fn below(&self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or_default()
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            for (byte, drawn) in chunk.iter_mut().zip(self.next().to_le_bytes()) {
                *byte = drawn;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::{join, select};

    #[test]
    fn time_passes_only_when_everybody_waits() {
        let clock = VirtualClock::default();
        let (first, second) = (clock.sleep(Duration::from_secs(3600)), clock.sleep(Duration::from_secs(60)));
        clock.run(join(first, second)).unwrap();
        assert_eq!(clock.monotonic(), Duration::from_secs(3600));
        assert_eq!(clock.now().seconds(), BEGIN_SECONDS + 3600);
    }

    #[test]
    fn a_sleeper_that_is_dropped_does_not_move_the_clock() {
        let clock = VirtualClock::default();
        clock.run(select(clock.sleep(Duration::from_secs(1)), clock.sleep(Duration::from_secs(9)))).unwrap();
        assert!(clock.run(std::future::pending::<()>()).is_none());
        assert_eq!(clock.monotonic(), Duration::from_secs(1));
    }
}
