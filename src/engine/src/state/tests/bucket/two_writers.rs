//! Two writers on one bucket, in virtual time, where every call of a store may fail, lose its answer, take its time, or
//! find its user stopped, before or after it had its effect.
//!
//! After each story: the journal is good, holds every record that was acknowledged, in the order of its writers'
//! turns, and nothing of it was ever replaced; and at no instant could both make calls.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::state::Session;
use world::User;

/// What happened, in order.
type Log = Rc<RefCell<Vec<(Duration, &'static str, What)>>>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// The lock was taken.
    Opened,
    /// A marker of this name is durable.
    Made(String),
    /// The lock was given back.
    Closed,
}

/// Opens, writes some groups and closes, again and again; what fails ends a turn.
async fn work(user: &User, turns: u64, groups: u64, log: Log, leases: Rc<RefCell<Vec<(&'static str, Lease)>>>) {
    let note = |what| log.borrow_mut().push((user.clock.monotonic(), user.name, what));
    for turn in 0..turns {
        user.clock.sleep(seconds(1)).await;
        let Ok(mut session) = user.open().await else { continue };
        note(What::Opened);
        leases.borrow_mut().push((user.name, session.lease().clone()));
        let mut group = 0;
        while group < groups && write(&mut session, &format!("{}-{turn}-{group}", user.name)).await {
            note(What::Made(format!("{}-{turn}-{group}", user.name)));
            group += 1;
            user.clock.sleep(seconds(2)).await;
        }
        // Every other turn the process just dies.
        if turn % 2 == 0 && session.close().await.is_ok() {
            note(What::Closed);
        }
    }
}

async fn write(session: &mut Session, name: &str) -> bool {
    session.append(&made(name)).await.is_ok()
}

/// Thaws whoever is frozen after that long.
async fn thaw(user: &User, after: Duration) {
    loop {
        user.freezer.frozen().await;
        sleep(after).await;
        user.freezer.thaw();
    }
}

#[expect(clippy::disallowed_methods, reason = "virtual time passes only here")]
async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Watches that no two leases allow calls at one instant.
async fn watch(leases: &RefCell<Vec<(&'static str, Lease)>>) {
    loop {
        let holders: Vec<_> =
            leases.borrow().iter().filter(|(_, lease)| lease.may_call()).map(|(name, _)| *name).collect();
        assert!(holders.len() <= 1, "{holders:?} may call at one instant");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Plays one story and returns how many calls Alice's store saw.
async fn story(alices: &[(u64, Fault)], bobs: &[(u64, Fault)], frozen: Duration) -> u64 {
    let Users { world, alice, bob } = Users::new().await;
    for (user, faults) in [(&alice, alices), (&bob, bobs)] {
        user.store.calls.store(0, Ordering::SeqCst);
        user.store.faults.lock().unwrap().extend(faults.iter().copied());
    }
    let (log, leases) = (Log::default(), Rc::default());
    let working = async {
        futures::join!(
            work(&alice, 2, 3, log.clone(), Rc::clone(&leases)),
            work(&bob, 3, 2, log.clone(), Rc::clone(&leases))
        );
    };
    let beside = async {
        futures::join!(thaw(&alice, frozen), thaw(&bob, frozen), watch(&leases));
    };
    tokio::select! {
        biased;
        () = working => {}
        () = beside => {}
        () = sleep(seconds(3_600)) => panic!("it waits for ever"),
    }
    let log = log.take();
    check(&world, &alice, &bob, &log).await;
    alice.store.calls.load(Ordering::SeqCst)
}

async fn check(world: &World, alice: &User, bob: &User, log: &[(Duration, &'static str, What)]) {
    for user in [alice, bob] {
        user.freezer.thaw();
        user.store.faults.lock().unwrap().clear();
        assert_eq!(*user.store.replaced.lock().unwrap(), Vec::<String>::new(), "{log:?}");
    }
    // Whoever comes next, and whoever only reads, finds a good journal with everything in it.
    let read = bob.read().await.unwrap_or_else(|refused| panic!("{refused:?}\n{log:?}"));
    let session = alice.open().await.unwrap_or_else(|refused| panic!("{refused:?}\n{log:?}"));
    assert_eq!(*session.state(), read.state);
    for (_, user, what) in log {
        if let What::Made(name) = what {
            assert!(session.state().resources.contains_key(&address(name)), "{user} was told of {name}: {log:?}");
        }
    }
    assert!(!world.names("journal").await.is_empty());
    session.close().await.unwrap();
}

fn kinds() -> [Fault; 6] {
    [
        Fault::Fails,
        Fault::LosesReply,
        Fault::Delays(seconds(3)),
        Fault::Delays(seconds(30)),
        Fault::FreezesBefore,
        Fault::FreezesAfter,
    ]
}

#[test]
fn without_faults_both_get_their_turns() {
    let calls = block(story(&[], &[], seconds(1)));
    assert!(calls > 20, "{calls}");
}

#[test]
fn one_fault_at_any_call_of_either_writer_breaks_nothing() {
    let calls = block(story(&[], &[], seconds(1)));
    for call in 0..calls + 10 {
        for fault in kinds() {
            // Shorter than a lease, about as long, and much longer.
            for frozen in [10, 19, 70] {
                if frozen > 10 && !matches!(fault, Fault::FreezesBefore | Fault::FreezesAfter) {
                    continue;
                }
                block(story(&[(call, fault)], &[], seconds(frozen)));
                block(story(&[], &[(call, fault)], seconds(frozen)));
            }
        }
    }
}

#[test]
fn many_faults_at_once_break_nothing() {
    for seed in 0..150_u64 {
        let dice = Counter::default();
        dice.0.store(seed * 1_000_003 + 1, Ordering::SeqCst);
        let draw = |bound: u64| u64::from_be_bytes(acquire_model::ports::draw(&dice)) % bound;
        let drawn = || -> Vec<(u64, Fault)> {
            (0..2 + draw(12)).map(|_| (draw(90), kinds()[usize::try_from(draw(6)).unwrap()])).collect()
        };
        let (alices, bobs) = (drawn(), drawn());
        block(story(&alices, &bobs, seconds(5 + draw(60))));
    }
}
