use super::record::Hash;
use crate::frame::Fault;
use acquire_crypto::{base64, hash};
use acquire_envelope::exception::Class;
use acquire_model::{Clock, Entropy, SecretText, ports};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Argon2id at the least that OWASP recommends: memory in KiB, passes, lanes.
const COST: (u32, u32, u32) = (19_456, 2, 1);
const HASH_BYTES: usize = 32;
/// Hashes computed at once by one service, each in 19 MiB; the others wait.
const AT_ONCE_MAX: usize = 4;
/// Blocks of 1 KiB that an area has room for; only those that the cost asks for are ever touched. Beyond 32 MiB the
/// allocator maps an area by itself and gives it back at once. Smaller ones it hoards: hundreds of MiB after some log-ins.
const ROOM_BLOCKS: usize = 33 * 1024;
/// How long an area is kept for the next hash. A fresh one costs half as much as the hash itself.
pub(super) const LINGER: Duration = Duration::from_millis(1_500);

type Area = Vec<Block>;

/// Hashes passwords, a few at a time, away from the threads that answer calls.
pub(super) struct Hasher {
    turns: Arc<Semaphore>,
    spare: Arc<Mutex<Spare>>,
    clock: Arc<dyn Clock>,
    #[cfg(test)]
    pub runs: std::sync::atomic::AtomicU64,
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
            turns: Arc::new(Semaphore::new(cores.min(AT_ONCE_MAX))),
            spare: Arc::default(),
            clock,
            #[cfg(test)]
            runs: Default::default(),
        }
    }

    /// Hashes a new password under a fresh salt; `key` goes into the hash and is kept elsewhere.
    pub async fn new_hash(&self, key: [u8; 32], entropy: &dyn Entropy, password: &SecretText) -> Result<Hash, Fault> {
        let salt: [u8; 16] = ports::draw(entropy);
        let hash = self.run(key, password, salt.to_vec()).await?;
        Ok(Hash { salt: base64::encode(&salt), hash: base64::encode(&hash) })
    }

    /// Whether a password is the one that was hashed. Takes as long for any answer.
    pub async fn matches(&self, key: [u8; 32], known: &Hash, password: &SecretText) -> Result<bool, Fault> {
        let broken = |_| Fault::new(Class::ObjectStoreError, "a record of this service was tampered with");
        let hash = self.run(key, password, base64::decode(&known.salt).map_err(broken)?).await?;
        Ok(hash::equal(&hash, &base64::decode(&known.hash).map_err(broken)?))
    }

    async fn run(&self, key: [u8; 32], password: &SecretText, salt: Vec<u8>) -> Result<[u8; HASH_BYTES], Fault> {
        #[cfg(test)]
        self.runs.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let failed = || Fault::new(Class::SystemError, "this service cannot hash passwords at the moment");
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| failed())?;
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
    use super::*;
    use acquire_crypto::hash::hex;
    use acquire_model::Timestamp;
    use tokio::sync::Notify;

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

    /// A clock on which a sleep ends when the test says so.
    #[derive(Default)]
    struct Bell(Notify);

    #[async_trait::async_trait]
    impl Clock for Bell {
        fn now(&self) -> Timestamp {
            Timestamp::EPOCH
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        async fn sleep(&self, _: Duration) {
            self.0.notified().await;
        }
    }

    #[tokio::test]
    async fn memory_is_given_back_when_nobody_logs_in_any_more() {
        let bell = Arc::new(Bell::default());
        let hasher = Hasher::new(bell.clone());
        let areas = || lock(&hasher.spare).areas.len();
        for _ in 0..2 {
            hasher.run([0; 32], &SecretText::new("x"), vec![0; 16]).await.unwrap();
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
