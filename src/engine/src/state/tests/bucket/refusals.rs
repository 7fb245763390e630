use super::*;

/// A state with three records in two epochs and four groups, as one user saw it last.
struct Kept {
    users: Users,
    good: std::collections::BTreeMap<String, Vec<u8>>,
}

const LAST: &str = "journal/00000000000000000005";

impl Kept {
    async fn new() -> Self {
        let users = Users::new().await;
        users.alice.make(&["b", "c"]).await;
        let good = users.world.objects().await;
        assert_eq!(users.world.names("journal").await.into_iter().max().unwrap(), LAST);
        Self { users, good }
    }

    async fn put_back(&self) {
        self.users.world.restore(&self.good).await;
    }

    /// The code with which both reading and writing are refused.
    async fn refusal(&self) -> u16 {
        let on_read = self.users.alice.read().await.expect_err("reading is refused");
        let on_open = self.users.alice.open().await.err().expect("writing is refused");
        assert_eq!(on_read, on_open);
        assert!(on_read.hint.is_some(), "{on_read} says what to do next");
        on_read.code.0
    }

    /// What is refused is repaired as announced, and then good.
    async fn repaired(&self) -> Repair {
        let alice = &self.users.alice;
        self.refusal().await;
        let announced = crate::state::inspect(&alice.location()).await.unwrap();
        self.refusal().await;
        assert_eq!(alice.repair().await.unwrap(), announced);
        alice.make(&["after"]).await;
        assert!(alice.read().await.unwrap().state.resources.contains_key(&address("after")));
        assert!(matches!(alice.repair().await.unwrap(), Repair::Nothing { .. }));
        announced
    }
}

#[test]
fn every_flipped_bit_of_an_object_is_refused() {
    block(async {
        let kept = Kept::new().await;
        let world = &kept.users.world;
        for name in world.names("journal").await {
            let good = world.get(&name).await;
            for n in 0..good.len() {
                let mut bad = good.clone();
                bad[n] ^= 1 << (n % 8);
                world.put(&name, &bad).await;
                let refused = kept.users.alice.read().await.unwrap_err();
                // A line without its end, and nothing after it, cannot be told from one that is cut short.
                let expected = if good[n] == b'\n' && n + 1 == good.len() { 205 } else { 204 };
                assert_eq!(refused.code, Code(expected), "{name}, byte {n}");
                let detail = refused.detail.unwrap();
                assert!(detail.starts_with(&format!("s3://bucket/prod/{name}")), "{detail}");
            }
            assert!([204, 205].contains(&kept.refusal().await));
            world.put(&name, &good).await;
        }
        let _ = kept.users.alice.read().await.unwrap();
    });
}

#[test]
fn every_object_that_is_cut_short_or_empty_is_refused_even_the_last() {
    block(async {
        let kept = Kept::new().await;
        let world = &kept.users.world;
        for name in world.names("journal").await {
            let good = world.get(&name).await;
            for n in 0..good.len() {
                world.put(&name, &good[..n]).await;
                // Where a group has several records, one of them may be cut off cleanly: then another does not follow.
                let expected: &[u16] = if n == 0 { &[206] } else { &[205, 204, 203] };
                let refused = kept.users.alice.read().await.unwrap_err();
                assert!(expected.contains(&refused.code.0), "{name} cut at {n}: {refused:?}");
            }
            kept.refusal().await;
            world.put(&name, &good).await;
        }
    });
}

#[test]
fn a_missing_object_is_named() {
    block(async {
        let kept = Kept::new().await;
        for number in 1..5 {
            let name = format!("journal/{number:020}");
            kept.users.world.delete(&name).await;
            assert_eq!(kept.refusal().await, 209);
            let detail = kept.users.alice.read().await.unwrap_err().detail.unwrap();
            assert!(detail.starts_with(&format!("s3://bucket/prod/{name} ")), "{detail}");
            kept.put_back().await;
        }
        for number in [5, 4] {
            kept.users.world.delete(&format!("journal/{number:020}")).await;
            assert_eq!(kept.refusal().await, 203, "without its newest objects it is an old copy");
        }
    });
}

#[test]
fn an_old_copy_is_refused_also_where_it_was_never_seen_if_the_locks_are_newer() {
    block(async {
        let Users { world, alice, bob } = Users::new().await;
        let old = world.objects().await;
        alice.make(&["b"]).await;
        let new = world.objects().await;
        world.restore(&old).await;
        assert_eq!(code(alice.read().await), Code(203));
        assert_eq!(bob.read().await.unwrap().seen, Seen::FirstTime { serial: 2 }, "nothing here tells him");
        let mixed = new.iter().filter(|(name, _)| name.starts_with("lock/") || old.contains_key(*name));
        let mixed = mixed.map(|(name, bytes)| (name.clone(), bytes.clone())).collect();
        world.restore(&mixed).await;
        assert_eq!(code(bob.read().await), Code(203), "the head in the newest beat does");
        assert_eq!(code(bob.open().await), Code(203));
    });
}

#[test]
fn the_state_of_another_deployment_is_refused() {
    block(async {
        let kept = Kept::new().await;
        let other = World::new();
        let stranger = other.user("stranger");
        stranger.make(&["x"]).await;
        kept.users.world.restore(&other.objects().await).await;
        assert_eq!(code(kept.users.alice.read().await), Code(202));
        // Only the journal was swapped: the head in the beats is that of the state that belongs here.
        let mut mixed = kept.good.clone();
        mixed.retain(|name, _| !name.starts_with("journal/"));
        mixed.extend(other.objects().await.into_iter().filter(|(name, _)| name.starts_with("journal/")));
        kept.users.world.restore(&mixed).await;
        assert_eq!(code(stranger.read().await.map(drop).and(kept.users.bob.read().await)), Code(202));
    });
}

#[test]
fn objects_in_each_others_place_are_refused() {
    block(async {
        let kept = Kept::new().await;
        let world = &kept.users.world;
        let names = world.names("journal").await;
        for (n, one) in names.iter().enumerate() {
            for other in &names[n + 1..] {
                let (ones, others) = (world.get(one).await, world.get(other).await);
                world.put(one, &others).await;
                world.put(other, &ones).await;
                assert!(kept.users.alice.read().await.is_err(), "{one} and {other}");
                kept.put_back().await;
            }
        }
    });
}

#[test]
fn a_state_that_is_gone_is_missed() {
    block(async {
        let kept = Kept::new().await;
        kept.users.world.restore(&std::collections::BTreeMap::new()).await;
        assert_eq!(kept.refusal().await, 207);
        let mut locks = kept.good.clone();
        locks.retain(|name, _| name.starts_with("lock/"));
        kept.users.world.restore(&locks).await;
        assert_eq!(code(kept.users.bob.read().await), Code(207), "its head tells also who never saw it");
    });
}

#[test]
fn a_changed_head_in_the_bucket_is_refused_and_written_again() {
    block(async {
        let kept = Kept::new().await;
        let beat =
            kept.users.world.names("lock").await.into_iter().filter(|name| name.ends_with(".beat")).max().unwrap();
        let good = String::from_utf8(kept.users.world.get(&beat).await).unwrap();
        for bad in ["", "{}", &good.replace("\"serial\":6", "\"serial\":4")] {
            assert_ne!(bad, good);
            kept.users.world.put(&beat, bad.as_bytes()).await;
            assert_eq!(code(kept.users.alice.read().await), Code(215), "{bad}");
        }
        assert_eq!(kept.repaired().await, Repair::GoOn { serial: 6, seen: Some(6), resources: 3 });
    });
}

#[test]
fn what_is_refused_is_repaired_and_its_names_stay_taken() {
    block(async {
        let kept = Kept::new().await;
        let world = &kept.users.world;
        let name = "journal/00000000000000000004";
        let mut bad = world.get(name).await;
        *bad.last_mut().unwrap() ^= 1;
        world.put(name, &bad).await;
        assert_eq!(kept.repaired().await, Repair::GoOn { serial: 3, seen: Some(6), resources: 2 });
        let aside = world.names("damaged").await;
        assert_eq!(aside.len(), 2, "{aside:?}");
        assert_eq!(world.get(&aside[0]).await, bad, "what was damaged is kept");
        assert_eq!(world.get(&aside[1]).await, kept.good[LAST], "and what came after it");
        assert_eq!(world.get(LAST).await, b"acquire-skipped 1\n");
        let bob = kept.users.bob.read().await.unwrap().state;
        assert_eq!(bob.resources.len(), 2);
        assert!(bob.in_doubt.contains_key(&address("b")), "what was begun and is not known is in doubt");
    });
}

#[test]
fn a_missing_object_is_repaired_with_its_name_taken() {
    block(async {
        let kept = Kept::new().await;
        kept.users.world.delete("journal/00000000000000000004").await;
        assert_eq!(kept.repaired().await, Repair::GoOn { serial: 2, seen: Some(6), resources: 1 });
        assert_eq!(kept.users.world.get("journal/00000000000000000004").await, b"acquire-skipped 1\n");
    });
}

#[test]
fn whatever_is_missing_a_repair_is_enough() {
    for missing in [&[1_u64][..], &[1, 3], &[2, 4], &[3, 5], &[4]] {
        block(async {
            let kept = Kept::new().await;
            for number in missing {
                kept.users.world.delete(&format!("journal/{number:020}")).await;
            }
            let _ = kept.repaired().await;
            // It goes on from there, and is repaired no more.
            let mut session = kept.users.alice.open().await.unwrap();
            session.append(&made("z")).await.unwrap();
            session.close().await.unwrap();
            assert!(kept.users.alice.read().await.unwrap().state.resources.contains_key(&address("z")), "{missing:?}");
            assert!(matches!(kept.users.alice.repair().await.unwrap(), Repair::Nothing { .. }), "{missing:?}");
        });
    }
}

#[test]
fn an_old_copy_goes_on_when_a_person_says_so() {
    block(async {
        let kept = Kept::new().await;
        kept.users.world.delete(LAST).await;
        assert_eq!(kept.repaired().await, Repair::GoOn { serial: 4, seen: Some(6), resources: 2 });
    });
}

#[test]
fn a_state_of_which_nothing_is_good_begins_anew() {
    block(async {
        let kept = Kept::new().await;
        let lineage = kept.users.alice.read().await.unwrap().state.lineage;
        kept.users.world.put("journal/00000000000000000001", b"").await;
        let expected = Repair::BeginAnew { lineage: Some(lineage.clone()), resources: Some(3) };
        assert_eq!(kept.repaired().await, expected);
        assert_ne!(kept.users.alice.read().await.unwrap().state.lineage, lineage);
    });
}

#[test]
fn a_store_that_does_not_answer_is_no_damage() {
    block(async {
        let kept = Kept::new().await;
        let alice = &kept.users.alice;
        let calls = alice.store.calls.load(Ordering::SeqCst);
        alice.store.faults.lock().unwrap().extend((calls..calls + 1000).map(|call| (call, Fault::Fails)));
        let refused = alice.read().await.unwrap_err();
        assert_eq!(refused.code, Code(217));
        assert!(refused.hint.unwrap().contains("credentials"));
        assert_eq!(code(crate::state::inspect(&alice.location()).await), Code(217));
        assert_eq!(code(alice.open().await), Code(217));
        alice.store.faults.lock().unwrap().clear();
        let _ = alice.read().await.unwrap();
    });
}
