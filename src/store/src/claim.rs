use crate::Error;
use crate::key::{Key, Part};
use crate::objects::Placed;
use crate::store::{Store, encode};
use acquire_crypto::hash;
use acquire_model::{SecretBytes, Timestamp};
use serde::{Deserialize, Serialize};

/// What came of claiming a key for single use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Claim {
    /// We are the first: do it, then `answer`.
    Fresh,
    /// It was claimed for the very same thing before.
    Same {
        /// What was answered then; `None` if that was never written: do it again, under the same operation id.
        answer: Option<Vec<u8>>,
    },
    /// It was claimed for something else: refuse.
    Other,
}

/// What a claim says.
#[derive(Serialize, Deserialize)]
struct Claimed {
    /// SHA-256 of what it was claimed for, in hex.
    digest: String,
    time: Timestamp,
}

impl Store {
    /// Claims a key for what the digest stands for.
    pub async fn claim(&self, key: &Key, digest: &[u8; 32]) -> Result<Claim, Error> {
        let name = key.object(Part::Claim);
        let ours = Claimed { digest: hash::hex(digest), time: self.objects.clock.now() };
        let found = match self.objects.create(&name, &self.seal(&name, &encode(&ours)?).await?).await? {
            Placed::Ours => return Ok(Claim::Fresh),
            Placed::Theirs(found) => found,
        };
        if self.decode::<Claimed>(&name, &found).await?.digest != ours.digest {
            return Ok(Claim::Other);
        }
        let name = key.object(Part::Answer);
        let answer = match self.objects.fetch(&name).await? {
            Some(object) => Some(self.unseal(&name, &object).await?.expose().to_vec()),
            None => None,
        };
        Ok(Claim::Same { answer })
    }

    /// Keeps the answer of a claim, and returns the one that is kept: the earlier one, if the same operation was run
    /// twice at the same time.
    pub async fn answer(&self, key: &Key, answer: &[u8]) -> Result<Vec<u8>, Error> {
        let name = key.object(Part::Answer);
        let object = self.seal(&name, &SecretBytes::new(answer.to_vec())).await?;
        Ok(match self.objects.create(&name, &object).await? {
            Placed::Ours => answer.to_vec(),
            Placed::Theirs(found) => self.unseal(&name, &found).await?.expose().to_vec(),
        })
    }

    /// Forgets a claim and its answer. Only for a claim on something that is refused by now for its age.
    pub async fn forget(&self, key: &Key) -> Result<(), Error> {
        // The answer first: a claim without one is a state that exists anyway.
        self.objects.delete(&key.object(Part::Answer)).await?;
        self.objects.delete(&key.object(Part::Claim)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Vice, key, open, unreliable};
    use crate::{local, memory};
    use futures::future::join_all;

    #[tokio::test]
    async fn a_claim_is_fresh_once() {
        let store = open(&memory()).await;
        let key = key("claims/a");
        assert_eq!(store.claim(&key, &[1; 32]).await.unwrap(), Claim::Fresh);
        assert_eq!(store.claim(&key, &[1; 32]).await.unwrap(), Claim::Same { answer: None });
        assert_eq!(store.claim(&key, &[2; 32]).await.unwrap(), Claim::Other);
        assert_eq!(store.answer(&key, b"done").await.unwrap(), b"done");
        assert_eq!(store.answer(&key, b"done again").await.unwrap(), b"done", "the first answer stays");
        assert_eq!(store.claim(&key, &[1; 32]).await.unwrap(), Claim::Same { answer: Some(b"done".to_vec()) });
        assert_eq!(store.claim(&key, &[2; 32]).await.unwrap(), Claim::Other);
    }

    #[tokio::test]
    async fn a_forgotten_claim_is_gone_with_its_answer() {
        let store = open(&memory()).await;
        let key = key("claims/a");
        assert_eq!(store.claim(&key, &[1; 32]).await.unwrap(), Claim::Fresh);
        store.answer(&key, b"done").await.unwrap();
        store.forget(&key).await.unwrap();
        store.forget(&key).await.unwrap();
        assert_eq!(store.claim(&key, &[1; 32]).await.unwrap(), Claim::Fresh);
        assert_eq!(store.claim(&key, &[1; 32]).await.unwrap(), Claim::Same { answer: None });
    }

    #[tokio::test]
    async fn a_claim_whose_answer_from_the_store_is_lost_is_still_fresh() {
        let store = open(&unreliable(Vice::LosesReplies)).await;
        for n in 0..6 {
            assert_eq!(store.claim(&key(&format!("claims/{n}")), &[1; 32]).await.unwrap(), Claim::Fresh);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_many_claims_at_once_one_is_fresh() {
        let directory = tempfile::tempdir().unwrap();
        for objects in [memory(), local(directory.path()).unwrap()] {
            let store = open(&objects).await;
            let racers = (0..64_u8).map(|n| {
                let store = store.clone();
                tokio::spawn(async move { store.claim(&key("claims/a"), &[n % 2; 32]).await.unwrap() })
            });
            let claims: Vec<Claim> = join_all(racers).await.into_iter().map(Result::unwrap).collect();
            let count = |wanted: &Claim| claims.iter().filter(|claim| *claim == wanted).count();
            assert_eq!(count(&Claim::Fresh), 1);
            assert_eq!(count(&Claim::Same { answer: None }), 31);
            assert_eq!(count(&Claim::Other), 32);
        }
    }
}
