//! The released formats. A change here breaks every state there is: it needs a new version, and a reader for the old.

use super::*;

const JOURNAL: &[u8] = include_bytes!("../golden/journal-v1");
const KEY: &[u8] = include_bytes!("../golden/state.key-v1");
const PLAN: &[u8] = include_bytes!("../golden/plan-v1");

fn events() -> Vec<Event> {
    let needs = BTreeSet::from([address("a")]);
    let service = Some(acquire_model::ServiceType::Identity);
    let intent = |action| Intent { needs: needs.clone(), service, holds_data: true, ..intent(action) };
    vec![
        Event::Begun { steps: 4, spec_digest: Some("9ac1".to_owned()) },
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
