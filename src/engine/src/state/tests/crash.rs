use std::io;
use std::sync::Mutex;

use proptest::prelude::*;

use super::super::directory::Directory;
use super::super::directory::disk::{Disk, LocalDisk, Sink};
use super::super::error::Error;
use super::*;
use crate::state;

/// A disk with so much room left, whose syncs and cuts can be made to fail.
#[derive(Clone, Default)]
struct Faults(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    room: usize,
    sync_fails: bool,
    cut_fails: bool,
}

struct FaultySink(Box<dyn Sink>, Faults);

impl Faults {
    fn set(&self, room: usize, sync_fails: bool, cut_fails: bool) {
        *self.0.lock().unwrap() = Plan { room, sync_fails, cut_fails };
    }

    fn open(&self, machine: &Machine) -> Result<Session, Diagnostic> {
        fs::create_dir_all(machine.home()).unwrap();
        let site = machine.location().with(Arc::new(Directory::on(Arc::new(self.clone()), machine.home())));
        let opened = state::Session::open_at(site, machine.clock.clone(), machine.entropy.clone());
        Ok(Session(block_on(opened)?))
    }
}

impl Disk for Faults {
    fn begin(&self, path: &Path, header: &[u8]) -> io::Result<Box<dyn Sink>> {
        if self.0.lock().unwrap().room < header.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(Box::new(FaultySink(LocalDisk.begin(path, header)?, self.clone())))
    }
}

impl Sink for FaultySink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut plan = self.1.0.lock().unwrap();
        // Never more than 100 bytes at once, as a disk may.
        let some = bytes.len().min(plan.room).min(100);
        if some == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        plan.room -= some;
        self.0.write(&bytes[..some])
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.1.0.lock().unwrap().sync_fails {
            return Err(io::Error::other("the disk is gone"));
        }
        self.0.sync()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        if self.1.0.lock().unwrap().cut_fails {
            return Err(io::Error::other("the disk is gone"));
        }
        self.0.truncate(length)
    }
}

const PLENTY: usize = 1 << 20;

#[test]
fn a_full_disk_loses_nothing_and_the_same_session_can_go_on() {
    for room in [0, 1, 7, 8, 9, 99, 100, 101, 250, 300] {
        let (machine, faults) = (Machine::new(), Faults::default());
        faults.set(PLENTY, false, false);
        let mut session = faults.open(&machine).unwrap();
        session.append(&made("a")).unwrap();
        let before = session.state().clone();
        faults.set(room, false, false);
        let full = session.append(&made("b")).unwrap_err();
        assert_eq!(full.code, Code(216), "{room}");
        assert!(full.hint.unwrap().starts_with("make room"));
        assert_eq!(*session.state(), before);
        assert_eq!(machine.read().unwrap().state, before);
        faults.set(PLENTY, false, false);
        session.append(&made("b")).unwrap();
        let after = session.state().clone();
        session.close().unwrap();
        assert_eq!(machine.read().unwrap().state, after);
    }
}

#[test]
fn a_disk_too_full_to_begin_an_epoch_leaves_the_state_as_it_was() {
    let (machine, faults) = (Machine::new(), Faults::default());
    let before = machine.make(&["a"]);
    let mut session = faults.open(&machine).unwrap();
    assert_eq!(code(session.append(&made("b"))), Code(216));
    assert_eq!(machine.read().unwrap().state, before);
    faults.set(PLENTY, false, false);
    session.append(&made("b")).unwrap();
}

#[test]
fn after_a_failed_sync_this_session_writes_no_more_and_the_next_goes_on() {
    for (sync_fails, cut_fails, room) in [(true, false, PLENTY), (true, true, PLENTY), (false, true, 150)] {
        let (machine, faults) = (Machine::new(), Faults::default());
        faults.set(PLENTY, false, false);
        let mut session = faults.open(&machine).unwrap();
        session.append(&made("a")).unwrap();
        let before = session.state().clone();
        faults.set(room, sync_fails, cut_fails);
        assert_eq!(code(session.append(&made("b"))), Code(216));
        faults.set(PLENTY, false, false);
        assert_eq!(code(session.append(&made("b"))), Code(218));
        assert_eq!(*session.state(), before);
        session.close().unwrap();
        let session = machine.open().unwrap();
        assert!(session.state().serial >= before.serial);
        assert!(session.state().resources.contains_key(&address("a")));
    }
}

#[test]
fn a_record_beyond_the_bound_is_refused_before_it_is_written() {
    let machine = Machine::new();
    let mut session = machine.open().unwrap();
    session.append(&[started("a", Action::Create)]).unwrap();
    let before = session.state().clone();
    assert_eq!(code(session.append(&[done("a", &"x".repeat(17 << 20))])), Code(222));
    assert_eq!(*session.state(), before);
    session.append(&[done("a", "small")]).unwrap();
}

#[test]
fn errors_of_the_disk_keep_their_words() {
    let full = Error::write(Path::new("/x"), &io::ErrorKind::StorageFull.into());
    assert!(Diagnostic::from(full).summary.contains("no storage space"));
}

/// Names of markers and what is done to them, turned into whatever is legal at the moment.
fn events(choices: &[(u8, u8)], state: &mut State) -> Vec<Event> {
    let mut events = Vec::new();
    for (name, choice) in choices {
        let name = format!("m{}", name % 6);
        let (there, doubt) = (state.resources.contains_key(&address(&name)), state.in_doubt.get(&address(&name)));
        let event = match (there, doubt.map(|doubt| doubt.intent.action), choice % 4) {
            (false, None, _) => started(&name, Action::Create),
            (true, None, 0) => started(&name, Action::Delete),
            (true, None, 1) => Event::Forgotten { address: address(&name) },
            (true, None, _) => started(&name, Action::Update),
            (_, Some(Action::Delete), 0..3) => Event::Gone { address: address(&name) },
            (_, Some(_), 3) => Event::Failed { address: address(&name), reason: "no".to_owned() },
            (_, Some(_), n) => done(&name, &n.to_string()),
        };
        state.fold(1, Timestamp::EPOCH, &event).unwrap();
        events.push(event);
    }
    events
}

/// The same without times, which a fold of its own cannot know.
fn timeless(mut state: State) -> State {
    state.in_doubt.values_mut().for_each(|doubt| doubt.since = Timestamp::EPOCH);
    state
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_torn_off_the_last_group_the_rest_is_a_prefix_that_holds_the_head(
        groups in prop::collection::vec(prop::collection::vec((any::<u8>(), any::<u8>()), 1..5), 1..5),
        garbage in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let machine = Machine::new();
        let mut session = machine.open().unwrap();
        let mut fold = session.state().clone();
        let mut prefixes = vec![fold.clone()];
        let mut lengths = Vec::new();
        let head = machine.configuration_of(&fold).join("head");
        let mut heads = Vec::new();
        for choices in &groups {
            session.write_head().unwrap();
            heads.push((session.state().serial, fs::read(&head).unwrap()));
            lengths.push(usize::try_from(fs::metadata(machine.journal(1)).unwrap().len()).unwrap());
            let mut ahead = fold.clone();
            let events = events(choices, &mut ahead);
            for event in &events {
                fold.fold(1, Timestamp::EPOCH, event).unwrap();
                prefixes.push(fold.clone());
            }
            session.append(&events).unwrap();
            prop_assert_eq!(timeless(session.state().clone()), fold.clone());
        }
        drop(session);
        prop_assert_eq!(timeless(machine.read().unwrap().state), fold);
        let whole = fs::read(machine.journal(1)).unwrap();
        let (seen, head_before) = heads.last().unwrap();
        fs::write(&head, head_before).unwrap();
        for cut in *lengths.last().unwrap()..=whole.len() {
            let mut torn = whole[..cut].to_vec();
            torn.extend_from_slice(&garbage);
            fs::write(machine.journal(1), &torn).unwrap();
            let state = timeless(machine.read().unwrap().state);
            prop_assert!(state.serial >= *seen);
            prop_assert_eq!(&state, &prefixes[usize::try_from(state.serial).unwrap()]);
        }
        // The next writer repairs it without a word, and goes on.
        let mut session = machine.open().unwrap();
        prop_assert_eq!(session.seen(), Seen::Before);
        session.append(&made("after")).unwrap();
        let after = session.state().clone();
        drop(session);
        prop_assert_eq!(machine.read().unwrap().state, after);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), keep in 0usize..600) {
        let machine = Machine::new();
        machine.make(&["a"]);
        let whole = fs::read(machine.journal(1)).unwrap();
        let mut bad = whole[..keep.min(whole.len())].to_vec();
        bad.extend_from_slice(&bytes);
        fs::write(machine.journal(1), &bad).unwrap();
        let _ = read(&machine.location());
        let opened = machine.open();
        prop_assert!(opened.is_err() || bad.starts_with(&whole));
    }

    #[test]
    fn undoing_takes_everything_back(choices in prop::collection::vec((any::<u8>(), any::<u8>()), 1..40)) {
        let machine = Machine::new();
        let mut state = machine.open().unwrap().state().clone();
        let before = state.clone();
        let mut ahead = state.clone();
        let events = events(&choices, &mut ahead);
        let undo: Vec<_> = events.iter().map(|event| state.fold(1, Timestamp::EPOCH, event).unwrap()).collect();
        prop_assert_eq!(&state, &ahead);
        undo.into_iter().rev().for_each(|undo| state.undo(undo));
        prop_assert_eq!(state, before);
    }
}
