use std::time::Duration;

use bytes::Bytes;
use object_store::{PutMode, PutOptions};

use acquire_model::ports::draw;
use acquire_store::Placed;

use super::hold::BucketHold;
use super::note::{Beat, LockNote};
use super::{BucketHome, beat_path, lock_path};
use crate::state::error::Error;
use crate::state::holder::{Holder, Lease};
use crate::state::home::Claim;

/// Takes the lock of the next epoch, once the one before was given back or had no beat for a lease.
pub(super) async fn take(home: &BucketHome, claim: &Claim) -> Result<BucketHold, Error> {
    let newest = home.newest_epoch().await?;
    let is_heir = match newest {
        Some(epoch) => wait(home, epoch, claim).await? == End::MidCall,
        None => false,
    };
    let epoch = newest.unwrap_or_default().max(claim.above).saturating_add(1);
    let id = format!("{:032x}", u128::from_be_bytes(draw(claim.entropy.as_ref())));
    let holder = Holder::here(claim.user.clone(), claim.clock.now());
    let note = Bytes::from(LockNote::new(epoch, id, holder).text());
    let path = lock_path(epoch);
    let made = claim.clock.monotonic();
    let placed = acquire_store::place(home.store.as_ref(), &path, &note).await;
    if let Placed::Theirs(_) = placed.map_err(|e| home.unwritten(&path, &e))? {
        let holding = home.holding_of(epoch, None, claim.clock.now()).await?;
        return Err(Error::Locked { home: home.name.clone(), holding });
    }
    refuses(home, epoch).await?;
    let lease = Lease::until(&claim.clock, made.saturating_add(home.timing.trust()));
    BucketHold::new(home, epoch, claim, lease, is_heir).await
}

/// How a holder ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It gave the lock back, and no call of its can be on its way.
    Release,
    /// It sent no beat for a lease, or gave the lock back with steps in doubt: calls may be on their way.
    MidCall,
}

/// Waits one lease, by this machine's own clock and no other's, in which no new beat is seen. The lease counts from the
/// answer to the first look, which may have taken long.
///
/// The last look is after the lease: a beat that arrived within it is seen, and the holder's own trust in its lock,
/// which counts from before that beat was sent, has ended by then.
async fn wait(home: &BucketHome, epoch: u64, claim: &Claim) -> Result<End, Error> {
    let (clock, timing, path) = (&claim.clock, home.timing, beat_path(epoch));
    let mut first: Option<(Duration, Option<Bytes>)> = None;
    loop {
        let looked = clock.monotonic();
        let seen = home.fetch(&path).await?;
        let beat = seen.as_ref().and_then(|text| Beat::parse(text));
        if let Some(beat) = beat.as_ref().filter(|beat| beat.is_released) {
            return Ok(if beat.is_in_doubt { End::MidCall } else { End::Release });
        }
        let holding = home.holding_of(epoch, beat.as_ref(), clock.now());
        let waited = match &first {
            None => {
                (claim.waiting)(&format!("{} is locked by {}", home.name, holding.await?));
                first = Some((clock.monotonic(), seen));
                Duration::ZERO
            }
            Some((_, before)) if *before != seen => {
                return Err(Error::Locked { home: home.name.clone(), holding: holding.await? });
            }
            Some((began, _)) => looked.saturating_sub(*began),
        };
        if waited >= timing.lease {
            return Ok(End::MidCall);
        }
        let left = timing.lease.saturating_sub(waited).max(Duration::from_millis(1));
        clock.sleep((timing.beat / 2).min(left)).await;
    }
}

/// Tries whether the store refuses to make an object that is there: without that, nothing here keeps writers apart.
async fn refuses(home: &BucketHome, epoch: u64) -> Result<(), Error> {
    let path = lock_path(epoch);
    let again = PutOptions::from(PutMode::Create);
    match home.store.put_opts(&path, Bytes::from_static(b"not a lock\n").into(), again).await {
        Ok(_) => {
            let fault = "it does not honour create-if-absent: an object that is there was replaced".to_owned();
            Err(Error::Unsound { home: home.name.clone(), fault })
        }
        Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(()),
        Err(error) => match acquire_store::Error::from(error) {
            // No answer is no proof against it; what cannot be reached at all fails at the next write.
            acquire_store::Error::Unavailable(_) => Ok(()),
            error => Err(home.unwritten(&path, &error)),
        },
    }
}
