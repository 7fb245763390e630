//! Which programs were proved alive.

use super::*;

/// The events of a run after which the functions run a program.
fn runs(binary: &str) -> Vec<Event> {
    let service = Some(acquire_model::ServiceType::Identity);
    let address: Address = "identity/function".parse().unwrap();
    let attributes = Attributes::from([("binary".to_owned(), json!(binary))]);
    let intent = Intent { service, ..intent(Action::Update) };
    vec![
        begun(1),
        Event::Started { address: address.clone(), intent },
        Event::Done { address, attributes },
        Event::Ended,
    ]
}

fn state() -> State {
    let mut state = State::new(acquire_model::Lineage::draw(&Counter::default()));
    let mut first = runs("a");
    if let Event::Started { intent, .. } = &mut first[1] {
        intent.action = Action::Create;
    }
    take(&mut state, &first);
    state
}

fn take(state: &mut State, events: &[Event]) {
    for event in events {
        drop(state.fold(1, Timestamp::EPOCH, event).unwrap());
    }
}

fn proved(state: &mut State, binary: &str) {
    take(state, &runs(binary));
    take(state, &[Event::Verified]);
}

#[test]
fn after_half_an_apply_the_one_before_is_the_newest_that_was_proved() {
    let mut state = state();
    take(&mut state, &[Event::Verified]);
    proved(&mut state, "b");
    let other: Address = "registry/function".parse().unwrap();
    let service = Some(acquire_model::ServiceType::Registry);
    let attributes = Attributes::from([("binary".to_owned(), json!("c"))]);
    let intent = Intent { service, ..intent(Action::Create) };
    take(
        &mut state,
        &[
            begun(1),
            Event::Started { address: other.clone(), intent },
            Event::Done { address: other, attributes },
            Event::Ended,
        ],
    );
    assert_eq!(state.binaries().into_iter().collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(state.proved_before(), Some("b"), "and not a, which was proved before it");
}

#[test]
fn what_was_proved_is_remembered_and_the_one_before_is_known() {
    let mut state = state();
    assert_eq!((state.proved.len(), state.proved_before()), (0, None), "it is not proved yet");
    take(&mut state, &[Event::Verified]);
    assert_eq!((state.proved.join(" "), state.proved_before()), ("a".to_owned(), None));
    take(&mut state, &runs("b"));
    assert_eq!((state.proved.join(" "), state.proved_before()), ("a".to_owned(), Some("a")), "b is not proved");
    take(&mut state, &[Event::Verified]);
    assert_eq!((state.proved.join(" "), state.proved_before()), ("a b".to_owned(), Some("a")));
    assert_eq!(state.binaries().into_iter().collect::<Vec<_>>(), ["b"]);
    state.resources.clear();
    assert_eq!(state.proved_before(), None, "there is nothing that could run it");
}

#[test]
fn after_a_rollback_the_one_before_that_is_the_next() {
    let mut state = state();
    ["a", "b", "c", "b"].into_iter().for_each(|binary| proved(&mut state, binary));
    assert_eq!((state.proved.join(" "), state.proved_before()), ("a b".to_owned(), Some("a")));
    ["a", "a", "c"].into_iter().for_each(|binary| proved(&mut state, binary));
    assert_eq!((state.proved.join(" "), state.proved_before()), ("a c".to_owned(), Some("a")));
}

#[test]
fn five_are_remembered_and_a_verification_can_be_taken_back() {
    let mut state = state();
    ["1", "2", "3", "4", "5", "6"].into_iter().for_each(|binary| proved(&mut state, binary));
    assert_eq!(state.proved.join(" "), "2 3 4 5 6");
    take(&mut state, &runs("7"));
    let before = state.clone();
    let undo = state.fold(1, Timestamp::EPOCH, &Event::Verified).unwrap();
    assert_eq!(state.proved.join(" "), "3 4 5 6 7");
    state.undo(undo);
    assert_eq!(state, before);
}
