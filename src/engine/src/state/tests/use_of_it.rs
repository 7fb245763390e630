use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn what_was_appended_is_there_after_closing() {
    let machine = Machine::new();
    let first = machine.make(&["a", "b"]);
    assert_eq!(machine.read().unwrap().state, first);
    let second = machine.make(&["c"]);
    assert_eq!(machine.read().unwrap().state, second);
    assert_eq!(second.lineage, first.lineage);
    assert_eq!(second.serial, 6);
    assert_eq!(second.resources.len(), 3);
    assert!(machine.journal(1).exists() && machine.journal(2).exists());
}

#[test]
fn there_is_nothing_to_read_before_the_first_session() {
    let machine = Machine::new();
    assert!(read(&machine.location()).unwrap().is_none());
    assert!(!machine.path().join("project").exists(), "reading makes nothing");
}

#[test]
fn a_session_that_writes_nothing_leaves_nothing() {
    let machine = Machine::new();
    machine.make(&["a"]);
    let before: Vec<_> = fs::read_dir(machine.home()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    machine.open().unwrap().close().unwrap();
    let after: Vec<_> = fs::read_dir(machine.home()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(before, after);
    assert_eq!(after, ["journal-0000000001"], "neither lock nor partial files stay");
}

#[test]
fn only_the_owner_can_read() {
    let machine = Machine::new();
    let state = machine.make(&["a"]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let configuration = machine.configuration_of(&state);
    for directory in [&machine.home(), &configuration, &machine.path().join("config/acquire")] {
        assert_eq!(mode(directory), 0o700, "{directory:?}");
    }
    for file in [machine.journal(1), configuration.join("state.key"), configuration.join("head")] {
        assert_eq!(mode(&file), 0o600, "{file:?}");
    }
}

#[test]
fn an_illegal_event_undoes_its_whole_group() {
    let machine = Machine::new();
    let mut session = machine.open().unwrap();
    session.append(&made("a")).unwrap();
    let before = session.state().clone();
    let group = [started("b", Action::Create), started("a", Action::Delete), done("a", "x")];
    assert_eq!(code(session.append(&group)), Code(223));
    assert_eq!(*session.state(), before);
    session.append(&made("b")).unwrap();
    let after = session.state().clone();
    session.close().unwrap();
    assert_eq!(machine.read().unwrap().state, after);
}

#[test]
fn the_head_is_written_at_least_every_second() {
    let machine = Machine::new();
    let mut session = machine.open().unwrap();
    let head = machine.configuration_of(session.state()).join("head");
    assert_eq!(session.head_due(), None);
    let first = fs::read(&head).unwrap();
    session.append(&made("a")).unwrap();
    assert_eq!(fs::read(&head).unwrap(), first, "within the second the journal may be ahead");
    machine.clock.pass(Duration::from_millis(400));
    assert_eq!(session.head_due(), Some(Duration::from_millis(600)));
    machine.clock.pass(Duration::from_millis(600));
    session.append(&made("b")).unwrap();
    assert_eq!(session.head_due(), None);
    let second = fs::read(&head).unwrap();
    assert_ne!(second, first);
    session.append(&made("c")).unwrap();
    session.write_head().unwrap();
    assert_ne!(fs::read(&head).unwrap(), second);
}

#[test]
fn a_state_that_came_from_elsewhere_says_so_once() {
    let (here, there) = (Machine::new(), Machine::new());
    let state = there.make(&["a", "b"]);
    copy_directory(&there.home(), &here.home());
    fs::create_dir_all(here.configuration_of(&state)).unwrap();
    let key = |machine: &Machine| machine.configuration_of(&state).join("state.key");
    fs::copy(key(&there), key(&here)).unwrap();
    assert_eq!(here.read().unwrap().seen, Seen::FirstTime { serial: 4 });
    let session = here.open().unwrap();
    assert_eq!(session.seen(), Seen::FirstTime { serial: 4 });
    session.close().unwrap();
    assert_eq!(here.read().unwrap().seen, Seen::Before);
}

#[test]
fn a_directory_may_be_moved() {
    let machine = Machine::new();
    let state = machine.make(&["a"]);
    let elsewhere = machine.path().join("moved/state");
    fs::create_dir_all(elsewhere.parent().unwrap()).unwrap();
    fs::rename(machine.home(), &elsewhere).unwrap();
    let location = machine.location_of(&elsewhere);
    let session = Session::open(&location, machine.clock.clone(), machine.entropy.clone()).unwrap();
    assert_eq!(*session.state(), state);
    session.close().unwrap();
    assert!(read(&machine.location()).unwrap().is_none(), "its old place is free");
}

#[test]
fn a_passphrase_takes_the_place_of_the_key_file() {
    let mut machine = Machine::new();
    machine.passphrase = Some(SecretText::new("correct horse"));
    let state = machine.make(&["a"]);
    assert!(!machine.configuration_of(&state).join("state.key").exists());
    assert_eq!(machine.make(&["b"]).resources.len(), 2);
    machine.passphrase = Some(SecretText::new("battery staple"));
    assert_eq!(machine.refusal(), 210);
    machine.passphrase = None;
    assert_eq!(machine.refusal(), 213);
}

#[test]
fn a_reader_beside_a_writer_sees_every_state_it_may_and_no_error() {
    let machine = Machine::new();
    machine.make(&["before"]);
    let location = machine.location();
    let (clock, entropy) = (machine.clock.clone(), machine.entropy.clone());
    let writer = std::thread::spawn(move || {
        for epoch in 0..5 {
            let mut session = Session::open(&location, clock.clone(), entropy.clone()).unwrap();
            for n in 0..10 {
                session.append(&made(&format!("m{epoch}-{n}"))).unwrap();
                clock.pass(Duration::from_millis(200));
            }
            session.close().unwrap();
        }
    });
    let mut serial = 0;
    while !writer.is_finished() {
        let state = machine.read().unwrap().state;
        assert!(state.serial >= serial);
        assert_eq!(state.resources.len() as u64, state.serial / 2);
        serial = state.serial;
    }
    writer.join().unwrap();
    assert_eq!(machine.read().unwrap().state.serial, 102);
}

#[test]
fn secrets_stand_in_the_state_as_fingerprints_under_its_key() {
    let (one, two) = (Machine::new(), Machine::new());
    two.entropy.0.store(1000, Ordering::SeqCst);
    one.make(&["a"]);
    two.make(&["a"]);
    let (one, two) = (one.read().unwrap().key, two.read().unwrap().key);
    assert_eq!(one.fingerprint("canary"), one.fingerprint("canary"));
    assert_ne!(one.fingerprint("canary"), one.fingerprint("canary2"));
    assert_ne!(one.fingerprint("canary"), two.fingerprint("canary"));
    assert!(one.fingerprint("canary").starts_with("hmac-sha256:"));
    assert_eq!(format!("{one:?}"), "[redacted]");
}

#[test]
fn nothing_readable_stands_in_the_journal() {
    let machine = Machine::new();
    let mut session = machine.open().unwrap();
    session.append(&[started("canary", Action::Create), done("canary", "canary-value")]).unwrap();
    session.close().unwrap();
    let bytes = fs::read(machine.journal(1)).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"canary"));
}

#[test]
fn a_run_counts_its_steps_and_is_over_when_it_ended() {
    let machine = Machine::new();
    let mut session = machine.open().unwrap();
    session.append(&[begun(3)]).unwrap();
    session.append(&made("a")).unwrap();
    session.append(&[started("b", Action::Create)]).unwrap();
    drop(session);
    let state = machine.read().unwrap().state;
    let run = state.run.unwrap();
    assert_eq!((run.epoch, run.steps, run.done, run.ended), (1, 3, 1, None));
    assert!(state.in_doubt.contains_key(&address("b")) && !state.resources.contains_key(&address("b")));
    let mut session = machine.open().unwrap();
    session.append(&[Event::Gone { address: address("b") }, Event::Ended]).unwrap();
    assert!(session.state().run.as_ref().unwrap().ended.is_some());
    assert!(session.state().in_doubt.is_empty());
    assert_eq!(code(session.append(&[Event::Ended])), Code(223));
    session.append(&[Event::Verified]).unwrap();
    assert!(session.state().run.as_ref().unwrap().verified.is_some());
    session.append(&[begun(0)]).unwrap();
    assert!(session.state().run.as_ref().unwrap().verified.is_none());
    assert_eq!(code(session.append(&[Event::Verified])), Code(223));
}

#[test]
fn only_these_events_may_follow_each_other() {
    let recorded = || Recorded {
        provider: "local".parse().unwrap(),
        kind: "marker".parse().unwrap(),
        attributes: Attributes::new(),
        needs: BTreeSet::new(),
        service: None,
        holds_data: false,
        lifecycle: Lifecycle::default(),
        made_as: None,
        token: String::new(),
    };
    let events = || {
        [
            ("create", started("a", Action::Create)),
            ("update", started("a", Action::Update)),
            ("delete", started("a", Action::Delete)),
            ("read", started("a", Action::Read)),
            ("replace", started("a", Action::Replace)),
            ("done", done("a", "v")),
            ("gone", Event::Gone { address: address("a") }),
            ("failed", Event::Failed { address: address("a"), reason: String::new() }),
            ("observed", Event::Observed { address: address("a"), recorded: recorded() }),
            ("forgotten", Event::Forgotten { address: address("a") }),
        ]
    };
    let there = || made("a").to_vec();
    let then = |action| [there(), vec![started("a", action)]].concat();
    let table: [(&str, Vec<Event>, &[&str]); 5] = [
        ("absent", vec![], &["create"]),
        ("present", there(), &["update", "delete", "gone", "observed", "forgotten"]),
        ("creating", vec![started("a", Action::Create)], &["create", "delete", "done", "gone", "failed", "observed"]),
        ("updating", then(Action::Update), &["update", "delete", "done", "gone", "failed", "observed"]),
        ("deleting", then(Action::Delete), &["update", "delete", "gone", "failed", "observed"]),
    ];
    for (status, before, legal) in table {
        for (name, event) in events() {
            let machine = Machine::new();
            let mut session = machine.open().unwrap();
            session.append(&before).unwrap();
            assert_eq!(session.append(&[event]).is_ok(), legal.contains(&name), "{name} when {status}");
        }
    }
}

#[test]
fn another_token_is_another_step() {
    let machine = Machine::new();
    let mut session = machine.open().unwrap();
    session.append(&[started("a", Action::Create)]).unwrap();
    let other = Intent { token: "4567".to_owned(), ..intent(Action::Create) };
    assert_eq!(code(session.append(&[Event::Started { address: address("a"), intent: other }])), Code(223));
}

#[test]
fn a_saved_plan_opens_only_as_it_was_saved_and_only_on_its_state() {
    let machine = Machine::new();
    let mut session = machine.open().unwrap();
    let (key, state) = (session.key().clone(), session.state().clone());
    let sealed = seal_plan(&key, machine.entropy.as_ref(), &state, b"the plan").unwrap();
    assert_eq!(open_plan(&key, &state, &sealed).unwrap(), b"the plan");
    for n in 0..sealed.len() {
        let mut edited = sealed.clone();
        edited[n] ^= 1;
        assert!(open_plan(&key, &state, &edited).is_err(), "byte {n}");
        assert!(open_plan(&key, &state, &sealed[..n]).is_err(), "cut at {n}");
    }
    session.append(&made("a")).unwrap();
    assert_eq!(code(open_plan(&key, session.state(), &sealed)), Code(221));
    let other = Machine::new();
    other.entropy.0.store(500, Ordering::SeqCst);
    let other = other.open().unwrap();
    assert_eq!(code(open_plan(other.key(), other.state(), &sealed)), Code(219));
    assert_eq!(code(open_plan(&key, &state, b"")), Code(220));
}

#[test]
fn five_thousand_records_are_read_in_one_go() {
    let machine = Machine::new();
    let mut session = machine.open().unwrap();
    let events: Vec<Event> = (0..2500).flat_map(|n| made(&format!("m{n}"))).collect();
    session.append(&events).unwrap();
    session.close().unwrap();
    assert_eq!(machine.read().unwrap().state.resources.len(), 2500);
}
