use super::record::Hash;
use crate::frame::Fault;
use acquire_crypto::{base64, hash};
use acquire_envelope::exception::Class;
use acquire_model::{Clock, Entropy, SecretText, ports};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

/// Argon2id at the least that OWASP recommends: memory in KiB, passes, lanes.
const COST: (u32, u32, u32) = (19_456, 2, 1);
const HASH_BYTES: usize = 32;
/// Hashes computed at once by one service, each in 19 MiB; the others wait.
const AT_ONCE_MAX: usize = 4;
/// Who may wait for a turn; whoever comes then is told to try again. Some seconds of work on a slow core.
const WAITING_MAX: usize = 128;
/// Blocks of 1 KiB that an area has room for; only those that the cost asks for are ever touched. Beyond 32 MiB the
/// allocator maps an area by itself and gives it back at once. Smaller ones it hoards: hundreds of MiB after some log-ins.
const ROOM_BLOCKS: usize = 33 * 1024;
/// How long an area is kept for the next hash. A fresh one costs half as much as the hash itself.
pub(super) const LINGER: Duration = Duration::from_millis(1_500);

type Area = Vec<Block>;

/// Whose password is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Anybody's.
    Anybody,
    /// That of somebody who is known here: who has a remembered device or a session, or has just been proven.
    Known,
}

/// Hashes passwords, a few at a time, away from the threads that answer calls.
pub(super) struct Hasher {
    turns: Turns,
    /// One turn more, for those who are known: strangers, however many, cannot keep them from it.
    kept: Turns,
    spare: Arc<Mutex<Spare>>,
    clock: Arc<dyn Clock>,
    #[cfg(test)]
    pub runs: std::sync::atomic::AtomicU64,
}

/// Turns at hashing, and places to wait for one.
pub(super) struct Turns {
    free: Arc<Semaphore>,
    places: Semaphore,
}

/// Areas that wait for the next hash.
#[derive(Default)]
struct Spare {
    areas: Vec<Area>,
    /// How many hashes were computed: tells whether there was one since.
    runs: u64,
}

impl Hasher {
    /// Makes one.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            turns: Turns::new(cores.min(AT_ONCE_MAX)),
            kept: Turns::new(1),
            spare: Arc::default(),
            clock,
            #[cfg(test)]
            runs: Default::default(),
        }
    }

    /// Hashes a new password under a fresh salt; `key` goes into the hash and is kept elsewhere.
    ///
    /// # Errors
    /// `ServiceError` if too many wait.
    pub async fn new_hash(
        &self,
        whose: Whose,
        key: [u8; 32],
        entropy: &dyn Entropy,
        password: &SecretText,
    ) -> Result<Hash, Fault> {
        let salt: [u8; 16] = ports::draw(entropy);
        let hash = self.run(whose, key, password, salt.to_vec()).await?;
        Ok(Hash { salt: base64::encode(&salt), hash: base64::encode(&hash) })
    }

    /// Whether a password is the one that was hashed. Takes as long for any answer.
    ///
    /// # Errors
    /// `ServiceError` if too many wait.
    pub async fn matches(
        &self,
        whose: Whose,
        key: [u8; 32],
        known: &Hash,
        password: &SecretText,
    ) -> Result<bool, Fault> {
        let broken = |_| Fault::new(Class::ObjectStoreError, "a record of this service was tampered with");
        let hash = self.run(whose, key, password, base64::decode(&known.salt).map_err(broken)?).await?;
        Ok(hash::equal(&hash, &base64::decode(&known.hash).map_err(broken)?))
    }

    async fn run(
        &self,
        whose: Whose,
        key: [u8; 32],
        password: &SecretText,
        salt: Vec<u8>,
    ) -> Result<[u8; HASH_BYTES], Fault> {
        let turn = self.turn(whose).await?;
        #[cfg(test)]
        self.runs.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let (area, password) = (lock(&self.spare).areas.pop(), password.clone());
        let work = spawn_blocking(move || {
            let mut area = area.unwrap_or_else(fresh_area);
            let hash = argon2id(&key, password.expose().as_bytes(), &salt, &mut area);
            // The turn goes with the area: what is in use is what is counted, also if the caller has gone.
            (hash, area, turn)
        });
        let (hash, area, turn) = work.await.map_err(|_| failed())?;
        self.put_back(area);
        drop(turn);
        hash.ok_or_else(failed)
    }

    async fn turn(&self, whose: Whose) -> Result<OwnedSemaphorePermit, Fault> {
        match (whose, Arc::clone(&self.turns.free).try_acquire_owned()) {
            (_, Ok(turn)) => Ok(turn),
            (Whose::Anybody, Err(_)) => self.turns.next().await,
            (Whose::Known, Err(_)) => self.kept.next().await,
        }
    }

    /// Takes all turns that strangers have.
    #[cfg(test)]
    pub async fn occupy(&self) -> OwnedSemaphorePermit {
        let all = u32::try_from(self.turns.free.available_permits()).unwrap();
        Arc::clone(&self.turns.free).acquire_many_owned(all).await.unwrap()
    }

    /// Keeps an area for the next hash, and gives all back when there was none for a while.
    fn put_back(&self, area: Area) {
        let mine = {
            let mut spare = lock(&self.spare);
            spare.areas.push(area);
            spare.runs = spare.runs.wrapping_add(1);
            spare.runs
        };
        let (spare, clock) = (Arc::clone(&self.spare), Arc::clone(&self.clock));
        tokio::spawn(async move {
            clock.sleep(LINGER).await;
            let mut spare = lock(&spare);
            if spare.runs == mine {
                spare.areas = Vec::new();
            }
        });
    }
}

impl Turns {
    fn new(at_once: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(at_once)), places: Semaphore::new(WAITING_MAX) }
    }

    /// Waits for a turn, if there is a place to wait.
    async fn next(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let _place = self.places.try_acquire().map_err(|_| Fault::busy())?;
        Arc::clone(&self.free).acquire_owned().await.map_err(|_| failed())
    }
}

fn failed() -> Fault {
    Fault::new(Class::SystemError, "this service cannot hash passwords at the moment")
}

fn lock(spare: &Mutex<Spare>) -> MutexGuard<'_, Spare> {
    spare.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fresh_area() -> Area {
    let mut area = Area::with_capacity(ROOM_BLOCKS);
    area.resize(usize::try_from(COST.0).unwrap_or_default(), Block::default());
    area
}

fn argon2id(key: &[u8], password: &[u8], salt: &[u8], area: &mut [Block]) -> Option<[u8; HASH_BYTES]> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, Some(HASH_BYTES)).ok()?;
    let argon2 = Argon2::new_with_secret(key, Algorithm::Argon2id, Version::V0x13, params).ok()?;
    let mut hash = [0; HASH_BYTES];
    argon2.hash_password_into_with_memory(password, salt, &mut hash, area).ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bell;
    use super::*;
    use acquire_crypto::hash::hex;
    use futures::FutureExt;

    #[test]
    fn hashes_are_argon2id_with_the_owasp_minimum_and_a_pepper() {
        let hash = |key: &[u8], area: &mut Area| {
            argon2id(key, b"fa52effcc90ba374b6e9d287dad0f8ce", b"0123456789abcdef", area).unwrap()
        };
        // What the reference implementation gives (argon2-cffi 25.1), which has no pepper.
        let reference = "8fb0fde89f5455f7a379ef1fd286417533a93dca2f4eeb110457845a518e5afe";
        let mut area = fresh_area();
        assert_eq!(hex(&hash(b"", &mut area)), reference);
        assert_eq!(hex(&hash(b"", &mut area)), reference, "an area that was used is as good");
        assert_ne!(hash(b"pepper", &mut area), hash(b"", &mut area));
    }

    #[tokio::test]
    async fn so_many_strangers_wait_for_a_turn_and_the_next_is_told_to_try_again() {
        let hasher = Hasher::new(Arc::new(Bell::default()));
        let password = SecretText::new("x");
        let run = |whose| Box::pin(hasher.run(whose, [0; 32], &password, vec![0; 16]));
        let turns = hasher.occupy().await;
        let mut waiting: Vec<_> = (0..WAITING_MAX).map(|_| run(Whose::Anybody)).collect();
        assert!(waiting.iter_mut().all(|hash| hash.now_or_never().is_none()));
        assert!(run(Whose::Anybody).await.unwrap_err().is_busy());
        assert!(run(Whose::Known).await.is_ok(), "one turn is kept for those who are known");
        waiting.truncate(2);
        drop(turns);
        for hash in waiting {
            hash.await.unwrap();
        }
        assert_eq!(hasher.turns.places.available_permits(), WAITING_MAX);
    }

    #[tokio::test]
    async fn memory_is_given_back_when_nobody_logs_in_any_more() {
        let bell = Arc::new(Bell::default());
        let hasher = Hasher::new(bell.clone());
        let areas = || lock(&hasher.spare).areas.len();
        for _ in 0..2 {
            hasher.run(Whose::Anybody, [0; 32], &SecretText::new("x"), vec![0; 16]).await.unwrap();
            tokio::task::yield_now().await;
            assert_eq!(areas(), 1, "kept for the next");
        }
        bell.0.notify_one();
        tokio::task::yield_now().await;
        assert_eq!(areas(), 1, "the first one's time is up, but there was a second");
        bell.0.notify_one();
        tokio::task::yield_now().await;
        assert_eq!(areas(), 0);
    }
}
