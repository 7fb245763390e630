use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Log-ins that one address may ask for in one window.
const REQUESTS_MAX: u32 = 2_000;
/// Users that one address may register in one window: a classroom behind one address, and no farm.
const REGISTRATIONS_MAX: u32 = 200;
/// The window: as long as a session waits to be approved.
const WINDOW: Duration = Duration::from_secs(30 * 60);
/// Addresses that are counted; when there are more, counting starts anew.
const ADDRESSES_MAX: usize = 10_000;

/// Bounds what one address can ask for, before anything is written. It is kept in memory: each instance of a function
/// has its own.
pub(crate) struct Budget {
    most: u32,
    window: Duration,
    counts: Mutex<HashMap<Option<IpAddr>, (Duration, u32)>>,
}

impl Budget {
    /// Allows each address so many in that time.
    pub fn new(most: u32, window: Duration) -> Self {
        Self { most, window, counts: Mutex::default() }
    }

    /// For the users that one address can register.
    pub fn of_registrations() -> Self {
        Self::new(REGISTRATIONS_MAX, WINDOW)
    }

    /// Whether the address may have one more; those without an address share one budget. `now` is monotonic.
    pub fn take(&self, address: impl Into<Option<IpAddr>>, now: Duration) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= ADDRESSES_MAX {
            counts.clear();
        }
        let (since, count) = counts.entry(address.into().map(network)).or_insert((now, 0));
        if now.saturating_sub(*since) >= self.window {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= self.most
    }
}

impl Default for Budget {
    /// For the pending sessions that one address can make.
    fn default() -> Self {
        Self::new(REQUESTS_MAX, WINDOW)
    }
}

/// The address, or the /64 that it is in: whoever has one IPv6 address has that many.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_in_a_window() {
        let budget = Budget::default();
        let one = IpAddr::from([10, 0, 0, 1]);
        assert!((0..REQUESTS_MAX).all(|_| budget.take(one, Duration::ZERO)));
        assert!(!budget.take(one, Duration::ZERO));
        assert!(budget.take(IpAddr::from([10, 0, 0, 2]), Duration::ZERO), "others are not affected");
        assert!(budget.take(one, WINDOW));
    }

    #[test]
    fn callers_without_an_address_share_one_budget() {
        let budget = Budget::of_registrations();
        assert!((0..REGISTRATIONS_MAX).all(|_| budget.take(None, Duration::ZERO)));
        assert!(!budget.take(None, Duration::ZERO));
        assert!(budget.take(IpAddr::from([10, 0, 0, 1]), Duration::ZERO));
    }

    #[test]
    fn the_addresses_of_one_network_count_together() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:10.0.0.1"), "10.0.0.1");
        assert_eq!(of("10.0.0.1"), "10.0.0.1");
    }

    #[test]
    fn memory_is_bounded() {
        let budget = Budget::default();
        for n in 0..2 * ADDRESSES_MAX as u32 {
            budget.take(IpAddr::V4(n.into()), Duration::ZERO);
        }
        assert!(budget.counts.lock().unwrap().len() <= ADDRESSES_MAX);
    }
}
