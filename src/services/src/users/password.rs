use super::record::Hash;
use crate::frame::Fault;
use acquire_crypto::{base64, hash};
use acquire_envelope::exception::Class;
use acquire_model::{Entropy, SecretText, ports};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Argon2id at the least that OWASP recommends: memory in KiB, passes, lanes.
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// Hashes computed at once by one service, each in 19 MiB; the others wait.
const AT_ONCE_MAX: usize = 4;
const HASH_BYTES: usize = 32;

/// Hashes passwords, a few at a time, away from the threads that answer calls.
pub(super) struct Hasher {
    turns: Arc<Semaphore>,
    #[cfg(test)]
    pub runs: std::sync::atomic::AtomicU64,
}

impl Hasher {
    /// Makes one.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            turns: Arc::new(Semaphore::new(cores.min(AT_ONCE_MAX))),
            #[cfg(test)]
            runs: Default::default(),
        }
    }

    /// Hashes a new password under a fresh salt.
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
        // Held until the hash is there, also if the caller has gone: what runs is what is counted.
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| failed())?;
        let password = password.clone();
        let hash = spawn_blocking(move || {
            let _turn = turn;
            argon2id(&key, password.expose().as_bytes(), &salt)
        });
        hash.await.ok().flatten().ok_or_else(failed)
    }
}

fn argon2id(key: &[u8], password: &[u8], salt: &[u8]) -> Option<[u8; HASH_BYTES]> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, Some(HASH_BYTES)).ok()?;
    let argon2 = Argon2::new_with_secret(key, Algorithm::Argon2id, Version::V0x13, params).ok()?;
    let mut hash = [0; HASH_BYTES];
    argon2.hash_password_into(password, salt, &mut hash).ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use acquire_crypto::hash::hex;

    #[test]
    fn hashes_are_argon2id_with_the_owasp_minimum_and_a_pepper() {
        let hash = |pepper: &[u8]| argon2id(pepper, b"fa52effcc90ba374b6e9d287dad0f8ce", b"0123456789abcdef").unwrap();
        // What the reference implementation gives (argon2-cffi 25.1), which has no pepper.
        let reference = "8fb0fde89f5455f7a379ef1fd286417533a93dca2f4eeb110457845a518e5afe";
        assert_eq!(hex(&hash(b"")), reference);
        assert_ne!(hash(b""), hash(b"pepper"));
    }
}
