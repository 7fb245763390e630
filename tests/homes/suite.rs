use super::{Ground, Home, User, made};
use acquire_engine::state::{self, Migrated, Repair, Seen, Timing};
use acquire_model::Code;
use std::sync::Arc;
use std::time::Duration;

/// Runs the whole contract.
pub async fn run(ground: &Ground) {
    what_was_appended_is_there_for_everybody(ground).await;
    one_at_a_time_writes(ground).await;
    of_many_who_begin_a_state_one_does(ground).await;
    what_a_dead_holder_wrote_is_there(ground).await;
    whoever_lost_the_lock_is_refused_by_name(ground).await;
    what_was_changed_is_refused_and_repaired(ground).await;
    an_old_copy_is_refused(ground).await;
    another_state_in_its_place_is_refused(ground).await;
    a_state_may_go_and_come_back(ground).await;
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn code<T>(result: Result<T, acquire_model::Diagnostic>) -> Code {
    result.err().expect("it is refused").code
}

async fn what_was_appended_is_there_for_everybody(ground: &Ground) {
    let (home, alice, bob) = (ground.home("appended"), User::new("alice"), User::new("bob"));
    assert!(alice.read(&home).await.unwrap().is_none());
    let first = alice.make(&home, &["a", "b"]).await;
    let second = alice.make(&home, &["c"]).await;
    assert_eq!((second.lineage.clone(), second.serial, second.resources.len()), (first.lineage, 6, 3));
    let read = alice.read(&home).await.unwrap().unwrap();
    assert_eq!((&read.state, read.seen), (&second, Seen::Before));
    assert_eq!(code(bob.read(&home).await), Code(212), "nobody reads it without the key");
    bob.learn_key(&alice, &home).await;
    let read = bob.read(&home).await.unwrap().unwrap();
    assert_eq!((&read.state, read.seen), (&second, Seen::FirstTime { serial: 6 }));
    assert_eq!(bob.make(&home, &["d"]).await.resources.len(), 4);
    assert_eq!(bob.read(&home).await.unwrap().unwrap().seen, Seen::Before);
    assert_eq!(alice.read(&home).await.unwrap().unwrap().state.serial, 8);
    // A large group goes in one piece, and no plain text with it.
    let mut session = alice.open(&home).await.unwrap();
    let many: Vec<_> = (0..1_500).flat_map(|n| made(&format!("canary{n}"))).collect();
    session.append(&many).await.unwrap();
    session.close().await.unwrap();
    assert_eq!(bob.read(&home).await.unwrap().unwrap().state.resources.len(), 1_504);
    for (name, bytes) in home.all().await {
        assert!(!bytes.windows(6).any(|window| window == b"canary"), "{name}");
    }
}

async fn one_at_a_time_writes(ground: &Ground) {
    let (home, alice, bob) = (ground.home("one"), User::new("alice"), User::new("bob"));
    alice.make(&home, &["a"]).await;
    bob.learn_key(&alice, &home).await;
    let often = Timing { lease: seconds(60), beat: Duration::from_millis(200) };
    let mut session = alice.open_with(&home, often).await.unwrap();
    let refused = bob.open_with(&home, often).await.err().unwrap();
    assert_eq!(refused.code, Code(201));
    let detail = refused.detail.unwrap();
    let holder = format!(" is locked by alice, process {} on ", std::process::id());
    assert!(detail.contains(&holder), "{detail}");
    assert_eq!(detail.contains("; wait 60 s: its last beat was "), ground.is_bucket(), "{detail}");
    assert!(bob.read(&home).await.is_ok(), "reading needs no lock");
    let holding = state::holding(&bob.location(&home), &*bob.clock).await.unwrap();
    assert!(holding.is_some_and(|holding| holding.to_string().contains("alice, process ")));
    session.append(&made("b")).await.unwrap();
    assert!(session.lease().may_call());
    session.close().await.unwrap();
    assert!(state::holding(&bob.location(&home), &*bob.clock).await.unwrap().is_none());
    assert_eq!(bob.make(&home, &["c"]).await.resources.len(), 3);
}

async fn of_many_who_begin_a_state_one_does(ground: &Ground) {
    let home = ground.home("begin");
    let users: Vec<User> = ["a", "b", "c", "d", "e", "f"].into_iter().map(User::new).collect();
    let opened = futures::future::join_all(users.iter().map(|user| user.open(&home))).await;
    assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1);
    assert_eq!(home.pieces().await.len(), 1);
    for opened in opened.into_iter().flatten() {
        opened.close().await.unwrap();
    }
}

async fn what_a_dead_holder_wrote_is_there(ground: &Ground) {
    let (home, alice, bob) = (ground.home("dead"), User::new("alice"), User::new("bob"));
    let mut session = alice.open(&home).await.unwrap();
    session.append(&made("a")).await.unwrap();
    bob.learn_key(&alice, &home).await;
    drop(session);
    let soon = Timing { lease: seconds(2), beat: Duration::from_millis(500) };
    let mut heir = bob.open_with(&home, soon).await.unwrap();
    assert_eq!(heir.state().resources.len(), 1);
    assert_eq!(heir.inherited().is_some(), ground.is_bucket());
    heir.append(&made("b")).await.unwrap();
    heir.close().await.unwrap();
}

/// A holder that sends no beats for an hour is what a stopped one looks like.
async fn whoever_lost_the_lock_is_refused_by_name(ground: &Ground) {
    if !ground.is_bucket() {
        return;
    }
    let (home, alice, bob) = (ground.home("lost"), User::new("alice"), User::new("bob"));
    let seldom = Timing { lease: seconds(7_200), beat: seconds(3_600) };
    let mut session = alice.open_with(&home, seldom).await.unwrap();
    session.append(&made("a")).await.unwrap();
    bob.learn_key(&alice, &home).await;
    let soon = Timing { lease: seconds(1), beat: Duration::from_millis(200) };
    let heir = bob.open_with(&home, soon).await.unwrap();
    let before = session.state().clone();
    let refused = session.append(&made("b")).await.unwrap_err();
    assert_eq!(refused.code, Code(225));
    assert!(refused.detail.unwrap().contains(" was taken over by bob, process "));
    assert_eq!(*session.state(), before);
    assert!(!session.lease().may_call());
    assert_eq!(heir.state().resources.len(), 1);
    heir.close().await.unwrap();
    session.close().await.unwrap();
    assert_eq!(alice.make(&home, &["c"]).await.resources.len(), 2);
}

async fn what_was_changed_is_refused_and_repaired(ground: &Ground) {
    let (home, alice) = (ground.home("changed"), User::new("alice"));
    alice.make(&home, &["a", "b"]).await;
    alice.make(&home, &["c"]).await;
    let good = home.all().await;
    for name in home.pieces().await {
        let bytes = &good[&name];
        for place in (0..bytes.len()).step_by((bytes.len() / 5).max(1)) {
            let mut flipped = bytes.clone();
            flipped[place] ^= 0x10;
            home.put(&name, &flipped).await;
            assert_eq!(alice.refusal(&home).await, 204, "{name}, byte {place}");
        }
        home.put(&name, b"").await;
        assert_eq!(alice.refusal(&home).await, 206, "{name}");
        home.put(&name, &bytes[..bytes.len() - 1]).await;
        assert_eq!(alice.refusal(&home).await, 205, "{name}");
        home.restore(&good).await;
    }
    let last = home.pieces().await.pop().unwrap();
    home.put(&last, &good[&last][..good[&last].len() - 1]).await;
    let announced = state::inspect(&alice.location(&home)).await.unwrap();
    assert!(matches!(announced, Repair::GoOn { seen: Some(6), .. }), "{announced:?}");
    let (clock, entropy) = (Arc::clone(&alice.clock), Arc::clone(&alice.entropy));
    assert_eq!(state::repair(&alice.location(&home), &clock, &entropy).await.unwrap(), announced);
    let state = alice.make(&home, &["d"]).await;
    assert!(state.resources.contains_key(&"d/marker".parse().unwrap()));
}

async fn an_old_copy_is_refused(ground: &Ground) {
    let (home, alice) = (ground.home("old"), User::new("alice"));
    alice.make(&home, &["a"]).await;
    let old = home.all().await;
    alice.make(&home, &["b"]).await;
    home.restore(&old).await;
    assert_eq!(alice.refusal(&home).await, 203);
}

async fn another_state_in_its_place_is_refused(ground: &Ground) {
    let (home, other) = (ground.home("place"), ground.home("other"));
    let alice = User::new("alice");
    alice.make(&home, &["a"]).await;
    alice.make(&other, &["b"]).await;
    home.restore(&other.all().await).await;
    assert_eq!(alice.refusal(&home).await, 202);
    home.restore(&Default::default()).await;
    assert_eq!(alice.refusal(&home).await, 207);
}

async fn a_state_may_go_and_come_back(ground: &Ground) {
    let aside = Ground::Directory(tempfile::tempdir().unwrap());
    let (home, there, alice) = (ground.home("comes"), aside.home("goes"), User::new("alice"));
    alice.make(&home, &["a", "b"]).await;
    alice.make(&home, &["c"]).await;
    let took = Some(Migrated { serial: 6, resources: 3 });
    assert_eq!(migrate(&alice, &home, &there).await, took);
    assert_eq!(alice.refusal(&home).await, 227);
    let state = alice.make(&there, &["d"]).await;
    assert_eq!(migrate(&alice, &there, &home).await, Some(Migrated { serial: 8, resources: 4 }));
    assert_eq!(alice.refusal(&there).await, 227);
    assert_eq!(alice.read(&home).await.unwrap().unwrap().state, state);
    assert_eq!(alice.make(&home, &["e"]).await.resources.len(), 5);
}

async fn migrate(user: &User, from: &Home, to: &Home) -> Option<Migrated> {
    let (from, to) = (user.location(from), user.location(to));
    state::migrate(&from, &to, &user.clock, &user.entropy).await.unwrap()
}
