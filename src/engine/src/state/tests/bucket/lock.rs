use super::world::TOLD;
use super::*;

#[test]
fn a_lock_that_was_given_back_is_taken_at_once() {
    block(async {
        let Users { alice, bob, .. } = Users::new().await;
        let session = bob.open().await.unwrap();
        assert_eq!(bob.clock.monotonic(), Duration::ZERO);
        assert_eq!(session.seen(), Seen::FirstTime { serial: 2 });
        assert_eq!(session.inherited(), None);
        session.close().await.unwrap();
        let session = alice.open().await.unwrap();
        assert_eq!(session.seen(), Seen::Before);
        assert_eq!(session.state().resources.len(), 1);
    });
}

#[test]
fn a_dead_holder_expires_by_itself_and_what_it_recorded_is_there() {
    block(async {
        let Users { alice, bob, .. } = Users::new().await;
        let mut session = alice.open().await.unwrap();
        session.append(&made("b")).await.unwrap();
        drop(session);
        TOLD.take();
        let heir = bob.open().await.unwrap();
        assert_eq!(bob.clock.monotonic(), seconds(20), "one lease, and not longer");
        assert_eq!(heir.inherited(), Some(seconds(20)), "its calls may still be on their way");
        assert_eq!(heir.state().resources.len(), 2);
        let told = TOLD.take();
        let [waited] = told.as_slice() else { panic!("{told:?}") };
        let holder = format!("s3://bucket/prod is locked by alice, process {} on ", std::process::id());
        assert!(waited.starts_with(&holder), "{waited}");
        assert!(waited.ends_with(" UTC, for 0 s; wait 20 s: its last beat was 0 s ago"), "{waited}");
    });
}

#[test]
fn a_first_look_that_takes_long_is_no_part_of_the_lease() {
    block(async {
        let Users { alice, bob, .. } = Users::new().await;
        let session = alice.open().await.unwrap();
        for looks in 0..4 {
            let next = bob.store.calls.load(Ordering::SeqCst) + looks;
            bob.store.faults.lock().unwrap().insert(next, Fault::Delays(seconds(25)));
            assert_eq!(bob.open().await.err().unwrap().code, Code(201), "{looks}");
            assert!(session.lease().may_call());
        }
    });
}

#[test]
fn a_lock_that_was_given_back_with_a_step_in_doubt_says_so() {
    block(async {
        let Users { alice, bob, .. } = Users::new().await;
        let mut session = alice.open().await.unwrap();
        session.append(&made("b")[..1]).await.unwrap();
        assert!(session.state().in_doubt.contains_key(&address("b")));
        session.close().await.unwrap();
        let session = bob.open().await.unwrap();
        assert_eq!(session.inherited(), Some(Duration::ZERO), "at once, and its call may be on its way");
        session.close().await.unwrap();
        assert!(alice.open().await.unwrap().inherited().is_some(), "whoever had it in between settled nothing");
    });
}

#[test]
fn a_living_holder_is_named_with_its_age_and_the_time_that_is_left() {
    block(async {
        let Users { alice, bob, .. } = Users::new().await;
        let mut session = alice.open().await.unwrap();
        alice.clock.sleep(seconds(303)).await;
        let refused = bob.open().await.err().unwrap();
        assert!(bob.clock.monotonic() <= seconds(303 + 5), "one beat is enough");
        assert_eq!(refused.code, Code(201));
        let detail = refused.detail.unwrap();
        assert!(detail.contains("locked by alice, process ") && detail.contains(" UTC, for 5 min; wait 20 s: "));
        assert!(detail.ends_with(": its last beat was 0 s ago."), "{detail}");
        session.append(&made("b")).await.unwrap();
        assert!(session.lease().may_call());
        session.close().await.unwrap();
        bob.open().await.unwrap();
    });
}

#[test]
fn a_holder_that_was_stopped_is_refused_at_its_next_write_and_makes_no_call() {
    block(async {
        let Users { alice, bob, .. } = Users::new().await;
        let mut session = alice.open().await.unwrap();
        alice.freezer.freeze();
        let heir = bob.open().await.unwrap();
        alice.freezer.thaw();
        assert!(!session.lease().may_call());
        let before = session.state().clone();
        let refused = session.append(&made("b")).await.unwrap_err();
        assert_eq!(refused.code, Code(226));
        assert_eq!(*session.state(), before);
        // Its beats do not revive it.
        alice.clock.sleep(seconds(60)).await;
        assert!(!session.lease().may_call());
        session.close().await.unwrap();
        assert_eq!(heir.state().resources.len(), 1);
    });
}

#[test]
fn a_write_that_was_on_its_way_when_the_lock_was_taken_is_refused_by_name() {
    block(async {
        let Users { alice, bob, .. } = Users::new().await;
        let mut session = alice.open().await.unwrap();
        alice.store.on_put("journal/", Fault::FreezesBefore);
        let group = made("b");
        let appending = session.append(&group);
        let taking = async {
            let heir = bob.open().await.unwrap();
            alice.freezer.thaw();
            heir
        };
        let (refused, heir) = futures::join!(appending, taking);
        let refused = refused.unwrap_err();
        assert_eq!(refused.code, Code(225));
        let detail = refused.detail.unwrap();
        assert!(detail.starts_with("The lock of s3://bucket/prod was taken over by bob, process "), "{detail}");
        assert_eq!(code(session.append(&made("c")).await), Code(218));
        assert_eq!(heir.state().resources.len(), 1);
    });
}

#[test]
fn a_record_that_arrives_between_lock_and_take_over_counts() {
    block(async {
        let Users { alice, bob, .. } = Users::new().await;
        let mut session = alice.open().await.unwrap();
        alice.store.on_put("journal/", Fault::FreezesBefore);
        bob.store.on_put("lock/00000000000000000003", Fault::FreezesAfter);
        let group = made("b");
        let late = async {
            let appending = session.append(&group);
            let thawing = async {
                bob.freezer.frozen().await;
                alice.freezer.thaw();
            };
            let (appended, ()) = futures::join!(appending, thawing);
            bob.freezer.thaw();
            appended
        };
        let (heir, late) = futures::join!(bob.open(), late);
        late.unwrap();
        assert_eq!(heir.unwrap().state().resources.len(), 2, "nothing that was acknowledged is lost");
        assert!(session.append(&made("c")).await.is_err());
    });
}

#[test]
fn of_two_who_wait_for_a_dead_holder_one_gets_the_lock() {
    block(async {
        let Users { world, alice, bob } = Users::new().await;
        let carol = world.user("carol");
        carol.learn_key(&alice, &alice.read().await.unwrap().state.lineage);
        drop(alice.open().await.unwrap());
        let (bobs, carols) = futures::join!(bob.open(), carol.open());
        assert_eq!(usize::from(bobs.is_ok()) + usize::from(carols.is_ok()), 1);
        let refused = bobs.err().or(carols.err()).unwrap();
        assert_eq!(refused.code, Code(201));
    });
}

#[test]
fn of_two_who_begin_a_state_one_does() {
    block(async {
        let world = World::new();
        let (alice, bob) = (world.user("alice"), world.user("bob"));
        let (alices, bobs) = futures::join!(alice.open(), bob.open());
        assert_eq!(usize::from(alices.is_ok()) + usize::from(bobs.is_ok()), 1);
        assert_eq!(world.names("journal").await.len(), 1);
    });
}

#[test]
fn locks_that_were_lost_are_made_again_above_the_journal() {
    block(async {
        let Users { world, alice, bob } = Users::new().await;
        bob.make(&["b"]).await;
        for name in world.names("lock").await {
            world.delete(&name).await;
        }
        let session = alice.open().await.unwrap();
        assert_eq!(session.state().resources.len(), 2);
        session.close().await.unwrap();
        let newest = world.names("lock").await.into_iter().max().unwrap();
        assert!(newest.starts_with("lock/00000000000000000003"), "{newest}");
        bob.make(&["c"]).await;
    });
}

#[test]
fn a_session_whose_beats_do_not_arrive_stops_itself() {
    block(async {
        let Users { alice, .. } = Users::new().await;
        let mut session = alice.open().await.unwrap();
        let calls = alice.store.calls.load(Ordering::SeqCst);
        alice.store.faults.lock().unwrap().extend((calls..calls + 100).map(|call| (call, Fault::Fails)));
        assert!(session.lease().may_call());
        alice.clock.sleep(seconds(14)).await;
        assert!(session.lease().may_call());
        alice.clock.sleep(seconds(1)).await;
        assert!(!session.lease().may_call(), "a beat before anybody else may take the lock");
        alice.store.faults.lock().unwrap().clear();
        let refused = session.append(&made("b")).await.unwrap_err();
        assert_eq!(refused.code, Code(226));
        assert!(refused.detail.unwrap().starts_with("For 15 s no beat arrived at s3://bucket/prod: "));
    });
}

#[test]
fn one_beat_that_fails_is_tried_again_soon() {
    block(async {
        let Users { alice, .. } = Users::new().await;
        let session = alice.open().await.unwrap();
        let calls = alice.store.calls.load(Ordering::SeqCst);
        alice.store.faults.lock().unwrap().extend((calls..calls + 5).map(|call| (call, Fault::Fails)));
        alice.clock.sleep(seconds(60)).await;
        assert!(session.lease().may_call());
        session.close().await.unwrap();
    });
}

#[test]
fn a_store_that_does_not_honour_create_if_absent_is_refused() {
    block(async {
        let world = World::new();
        let alice = world.user("alice");
        alice.store.is_unsound.store(true, Ordering::SeqCst);
        let refused = alice.open().await.err().unwrap();
        assert_eq!(refused.code, Code(228));
        assert!(refused.summary.contains("create-if-absent"), "{refused}");
        assert_eq!(world.names("journal").await.len(), 0);

        let Users { bob, .. } = Users::new().await;
        bob.store.is_unsound.store(true, Ordering::SeqCst);
        assert_eq!(code(bob.open().await), Code(228), "also one that did so before");
    });
}

#[test]
fn who_holds_a_lock_can_be_asked() {
    block(async {
        let Users { alice, bob, .. } = Users::new().await;
        let holding = async || holding(&bob.location(), bob.clock.as_ref()).await.unwrap();
        assert!(holding().await.is_none());
        let session = alice.open().await.unwrap();
        alice.clock.sleep(seconds(12)).await;
        let words = holding().await.unwrap().to_string();
        assert!(words.contains("alice, process ") && words.ends_with("its last beat was 2 s ago"), "{words}");
        session.close().await.unwrap();
        assert!(holding().await.is_none());
    });
}
