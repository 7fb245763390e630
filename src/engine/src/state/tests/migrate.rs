use super::bucket::world::{Fault, User, World, block};
use super::*;
use crate::state::{self, Session};

/// A user, a directory with a state that has some history, and a bucket.
struct Trip {
    world: World,
    user: User,
    directory: Place,
}

impl Trip {
    async fn new() -> Self {
        Self::of("alice").await
    }

    async fn of(name: &'static str) -> Self {
        let world = World::new();
        let user = world.user(name);
        let directory = Place::Directory(user.directory.path().join("project/state"));
        let trip = Self { world, user, directory };
        for names in [["a", "b"], ["c", "d"]] {
            trip.make(&trip.directory, &names).await;
        }
        trip
    }

    fn bucket(&self) -> Place {
        self.user.location().home
    }

    fn other(&self) -> Place {
        Place::Directory(self.user.directory.path().join("elsewhere/state"))
    }

    async fn make(&self, home: &Place, names: &[&str]) -> State {
        let (user, location) = (&self.user, self.user.location_of(home.clone()));
        let mut session = Session::open(&location, user.clock.clone(), user.entropy.clone()).await.unwrap();
        for name in names {
            session.append(&made(name)).await.unwrap();
        }
        let state = session.state().clone();
        session.close().await.unwrap();
        state
    }

    async fn read(&self, home: &Place) -> Result<Option<Opened>, Diagnostic> {
        state::read(&self.user.location_of(home.clone())).await
    }

    async fn migrate(&self, from: &Place, to: &Place) -> Result<Option<Migrated>, Diagnostic> {
        let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (self.user.clock.clone(), self.user.entropy.clone());
        let (from, to) = (self.user.location_of(from.clone()), self.user.location_of(to.clone()));
        migrate(&from, &to, &clock, &entropy).await
    }
}

#[test]
fn a_state_goes_from_a_directory_to_a_bucket_and_on_to_another_directory() {
    block(async {
        let trip = Trip::new().await;
        let before = trip.read(&trip.directory).await.unwrap().unwrap().state;
        let migrated = trip.migrate(&trip.directory, &trip.bucket()).await.unwrap();
        assert_eq!(migrated, Some(Migrated { serial: 8, resources: 4 }));
        let there = trip.read(&trip.bucket()).await.unwrap().unwrap();
        assert_eq!((there.state, there.seen), (before, Seen::Before));
        // It lives on there, and its epochs go on too.
        trip.make(&trip.bucket(), &["e"]).await;
        drop(trip.user.open().await.unwrap());
        let state = trip.make(&trip.bucket(), &["f"]).await;
        let migrated = trip.migrate(&trip.bucket(), &trip.other()).await.unwrap();
        assert_eq!(migrated, Some(Migrated { serial: 12, resources: 6 }));
        assert_eq!(trip.read(&trip.other()).await.unwrap().unwrap().state, state);
        trip.make(&trip.other(), &["g"]).await;
    });
}

#[test]
fn an_old_home_is_refused_and_says_where_the_state_went() {
    block(async {
        let trip = Trip::new().await;
        assert!(trip.migrate(&trip.directory, &trip.bucket()).await.unwrap().is_some());
        let refused = trip.read(&trip.directory).await.unwrap_err();
        assert_eq!(refused.code, Code(227));
        assert!(refused.detail.unwrap().ends_with("to s3://bucket/prod."));
        assert_eq!(refused.hint.unwrap(), "write `state: { home: \"s3://bucket/prod\" }` into the spec");
        let location = trip.user.location_of(trip.directory.clone());
        let opened = Session::open(&location, trip.user.clock.clone(), trip.user.entropy.clone()).await;
        assert_eq!(code(opened), Code(227));
        assert_eq!(code(state::inspect(&location).await), Code(227));
        assert_eq!(code(trip.migrate(&trip.directory, &trip.other()).await), Code(227));
        assert!(trip.migrate(&trip.bucket(), &trip.other()).await.unwrap().is_some());
        assert_eq!(code(trip.read(&trip.bucket()).await), Code(227));
    });
}

#[test]
fn a_state_may_come_back() {
    block(async {
        let trip = Trip::new().await;
        assert!(trip.migrate(&trip.directory, &trip.bucket()).await.unwrap().is_some());
        let state = trip.make(&trip.bucket(), &["e"]).await;
        assert!(trip.migrate(&trip.bucket(), &trip.directory).await.unwrap().is_some());
        assert_eq!(trip.read(&trip.directory).await.unwrap().unwrap().state, state);
        assert_eq!(code(trip.read(&trip.bucket()).await), Code(227));
        // And go again: what the bucket still has is a part of it.
        let state = trip.make(&trip.directory, &["f", "g"]).await;
        assert!(trip.migrate(&trip.directory, &trip.bucket()).await.unwrap().is_some());
        assert_eq!(trip.read(&trip.bucket()).await.unwrap().unwrap().state, state);
        assert_eq!(trip.make(&trip.bucket(), &["h"]).await.resources.len(), 8);
    });
}

#[test]
fn another_state_is_not_replaced() {
    block(async {
        let (trip, other) = (Trip::new().await, Trip::of("bob").await);
        let taken = trip.user.directory.path().join("taken");
        let Place::Directory(theirs) = &other.directory else { unreachable!() };
        copy_directory(theirs, &taken);
        let taken = Place::Directory(taken);
        assert_eq!(code(trip.migrate(&trip.directory, &taken).await), Code(229));
        assert_eq!(code(trip.migrate(&trip.directory, &trip.directory).await), Code(229));
        let newer = Place::Directory(trip.user.directory.path().join("newer"));
        let (Place::Directory(from), Place::Directory(to)) = (&trip.directory, &newer) else { unreachable!() };
        let old = trip.user.directory.path().join("old");
        copy_directory(from, &old);
        trip.make(&trip.directory, &["newest"]).await;
        fs::rename(from, to).unwrap();
        fs::rename(&old, from).unwrap();
        assert!(trip.migrate(&trip.directory, &newer).await.is_err(), "an old copy does not replace a newer state");
        assert!(trip.read(&newer).await.unwrap().is_some());
    });
}

#[test]
fn a_migration_that_breaks_off_anywhere_can_be_run_again() {
    block(async {
        for to_bucket in [true, false] {
            let mut done = false;
            for broken_off in (0..200).step_by(7) {
                let trip = Trip::new().await;
                let (mut from, mut to) = (trip.directory.clone(), trip.bucket());
                if !to_bucket {
                    assert!(trip.migrate(&from, &to).await.unwrap().is_some());
                    (from, to) = (to, trip.other());
                }
                let before = trip.read(&from).await.unwrap().unwrap().state;
                let calls = trip.user.store.calls.load(Ordering::SeqCst) + broken_off;
                let faults = (calls..calls + 100_000).map(|call| (call, Fault::Fails));
                trip.user.store.faults.lock().unwrap().extend(faults);
                let first = trip.migrate(&from, &to).await;
                trip.user.store.faults.lock().unwrap().clear();
                // Whatever it came to, one of both homes has it, and the next try ends it.
                if first.is_err() && trip.read(&from).await.is_ok() {
                    assert!(trip.migrate(&from, &to).await.unwrap().is_some(), "broken off after {broken_off} calls");
                }
                let after = trip.read(&to).await.unwrap().unwrap();
                assert_eq!((after.state, after.seen), (before, Seen::Before));
                assert_eq!(code(trip.read(&from).await), Code(227));
                if first.is_ok() {
                    done = true;
                    break;
                }
            }
            assert!(done, "some run had enough calls");
        }
    });
}

#[test]
fn what_is_not_there_is_not_taken() {
    block(async {
        let trip = Trip::new().await;
        assert_eq!(trip.migrate(&trip.other(), &trip.bucket()).await.unwrap(), None);
        assert!(trip.world.objects().await.is_empty());
    });
}

#[test]
fn a_key_is_taken_along_only_to_its_state() {
    block(async {
        let trip = Trip::new().await;
        let location = trip.user.location_of(trip.directory.clone());
        let key = export_key(&location).await.unwrap().unwrap();
        let lineage = trip.read(&trip.directory).await.unwrap().unwrap().state.lineage;
        let file = trip.user.configuration().join(lineage.as_str()).join("state.key");
        fs::remove_file(&file).unwrap();
        assert_eq!(code(trip.read(&trip.directory).await), Code(212));
        assert_eq!(code(export_key(&location).await), Code(212));
        let wrong = acquire_model::SecretBytes::new(format!("acquire-state-key 1 {}\n", "00".repeat(32)).into_bytes());
        assert_eq!(code(import_key(&location, &wrong).await), Code(211));
        assert!(!file.exists());
        let right = acquire_model::SecretBytes::new(key.expose().as_bytes().to_vec());
        assert_eq!(import_key(&location, &right).await.unwrap().as_deref(), Some(file.as_path()));
        assert_eq!(fs::read_to_string(&file).unwrap(), key.expose());
        assert!(trip.read(&trip.directory).await.is_ok());
        let nothing = trip.user.location_of(trip.other());
        assert!(export_key(&nothing).await.unwrap().is_none());
        let sealed = Location { passphrase: Some(SecretText::new("correct horse")), ..nothing };
        let session = Session::open(&sealed, trip.user.clock.clone(), trip.user.entropy.clone()).await.unwrap();
        session.close().await.unwrap();
        assert_eq!(code(export_key(&sealed).await), Code(231));
        assert_eq!(code(import_key(&sealed, &right).await), Code(231));
    });
}

#[test]
fn another_serial_than_the_expected_one_is_refused() {
    block(async {
        let trip = Trip::new().await;
        let state = trip.read(&trip.directory).await.unwrap().unwrap().state;
        expect_serial(8, Some(&state)).unwrap();
        expect_serial(0, None).unwrap();
        let refused = expect_serial(9, Some(&state)).unwrap_err();
        assert_eq!((refused.code, refused.summary.as_str()), (Code(230), "this state is at serial 8, not 9"));
        assert_eq!(code(expect_serial(1, None)), Code(230));
    });
}
