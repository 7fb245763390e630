//! The released formats. A change here breaks every state there is: it needs a new version, and a reader for the old.

use super::*;

const JOURNAL: &[u8] = include_bytes!("../golden/journal-v1");
/// With who ran it and why, and a signature; both came later, within version 1.
const SIGNED: &[u8] = include_bytes!("../golden/journal-v1-signed");
const KEY: &[u8] = include_bytes!("../golden/state.key-v1");
const PLAN: &[u8] = include_bytes!("../golden/plan-v1");

fn events() -> Vec<Event> {
    let needs = BTreeSet::from([address("a")]);
    let service = Some(acquire_model::ServiceType::Identity);
    let intent = |action| Intent { needs: needs.clone(), service, holds_data: true, ..intent(action) };
    vec![
        Event::Begun {
            steps: 4,
            spec_digest: Some("9ac1".to_owned()),
            purpose: Purpose::Apply,
            by: None,
            binary: None,
        },
        started("a", Action::Create),
        done("a", "one"),
        Event::Started { address: address("b"), intent: intent(Action::Create) },
        Event::Failed { address: address("b"), reason: "denied".to_owned() },
        started("c", Action::Create),
        done("c", "three"),
        Event::Forgotten { address: address("c") },
        started("d", Action::Create),
        done("d", "four"),
        started("d", Action::Delete),
        Event::Gone { address: address("d") },
        started("e", Action::Create),
        done("e", "five"),
        Event::Observed {
            address: address("e"),
            recorded: Recorded {
                provider: "local".parse().unwrap(),
                kind: "marker".parse().unwrap(),
                attributes: Attributes::from([("input".to_owned(), json!({"n": 5}))]),
                needs,
                service,
                holds_data: true,
                lifecycle: Lifecycle::default(),
                made_as: None,
                token: "89ab".to_owned(),
            },
        },
        Event::Ended,
        Event::Verified,
        started("a", Action::Update),
    ]
}

fn write() -> (Machine, State, Vec<u8>) {
    let machine = Machine::new();
    let mut session = machine.open().unwrap();
    session.append(&events()).unwrap();
    let plan = seal_plan(session.key(), machine.entropy.as_ref(), session.state(), b"a plan").unwrap();
    let state = session.state().clone();
    session.close().unwrap();
    (machine, state, plan)
}

#[test]
fn the_formats_are_written_as_they_were_released() {
    let (machine, state, plan) = write();
    let key = fs::read(machine.configuration_of(&state).join("state.key")).unwrap();
    assert!(fs::read(machine.journal(1)).unwrap() == JOURNAL);
    assert!(key == KEY);
    assert!(plan == PLAN);
}

#[test]
fn what_was_released_is_still_read() {
    let (_, state, _) = write();
    let machine = Machine::new();
    fs::create_dir_all(machine.home()).unwrap();
    fs::create_dir_all(machine.configuration_of(&state)).unwrap();
    fs::write(machine.journal(1), JOURNAL).unwrap();
    fs::write(machine.configuration_of(&state).join("state.key"), KEY).unwrap();
    let opened = machine.read().unwrap();
    assert_eq!(opened.state, state);
    assert_eq!(open_plan(&opened.key, &opened.state, PLAN).unwrap(), b"a plan");
}

fn signed_events() -> Vec<Event> {
    let binary = Some(Binary { version: "0.1.0".to_owned(), sha256: "9ac1".repeat(16) });
    let by = "alice@build-3".to_owned();
    let origin = Some(Span { file: "acquire.yaml".to_owned(), line: 4, column: 3, length: 8 });
    let intent = Intent { reason: "not there yet".to_owned(), origin, ..intent(Action::Create) };
    let (key, signature) = ("fc51cd8e6218a1a3".repeat(4), "6291d657deec2402".repeat(8));
    let signed = json!({"signed": {"by": &by, "key": key, "signature": signature}});
    vec![
        Event::Begun { steps: 1, spec_digest: None, purpose: Purpose::Rollback, by: Some(by), binary },
        Event::Started { address: address("a"), intent },
        done("a", "one"),
        Event::Ended,
        serde_json::from_value(signed).unwrap(),
        Event::Verified,
    ]
}

#[test]
fn who_and_why_and_a_signature_are_written_and_read_as_they_were_released() {
    let machine = Machine::new();
    let mut session = machine.open().unwrap();
    session.append(&signed_events()).unwrap();
    session.close().unwrap();
    assert!(fs::read(machine.journal(1)).unwrap() == SIGNED);
    fs::write(machine.journal(1), SIGNED).unwrap();
    let mut found = Vec::new();
    let mut look = |passage: &Passage<'_>| found.push(passage.event.clone());
    let _ = block_on(replay(&machine.location(), &mut look)).unwrap();
    assert_eq!(found, signed_events());
}
