use super::*;

/// A refused state is repaired as announced, and then it is good.
fn repaired(machine: &Machine) -> Repair {
    machine.refusal();
    let announced = inspect(&machine.location()).unwrap();
    machine.refusal();
    assert_eq!(repair(machine).unwrap(), announced);
    let mut session = machine.open().unwrap();
    session.append(&made("after")).unwrap();
    session.close().unwrap();
    assert!(machine.read().unwrap().state.resources.contains_key(&address("after")));
    announced
}

#[test]
fn a_good_state_needs_no_repair() {
    let machine = Machine::new();
    machine.make(&["a"]);
    assert_eq!(inspect(&machine.location()).unwrap(), Repair::Nothing { serial: 2 });
}

#[test]
fn an_old_copy_goes_on_when_a_person_says_so() {
    let machine = Machine::new();
    machine.make(&["a"]);
    let copy = machine.path().join("copy");
    copy_directory(&machine.home(), &copy);
    machine.make(&["b"]);
    fs::remove_file(machine.journal(2)).unwrap();
    copy_directory(&copy, &machine.home());
    assert_eq!(repaired(&machine), Repair::GoOn { serial: 2, seen: Some(4), resources: 1 });
}

#[test]
fn a_damaged_journal_goes_on_from_its_last_good_record() {
    let machine = Machine::new();
    for name in ["a", "b", "c"] {
        machine.make(&[name]);
    }
    let mut bytes = fs::read(machine.journal(2)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(machine.journal(2), &bytes).unwrap();
    assert_eq!(repaired(&machine), Repair::GoOn { serial: 3, seen: Some(6), resources: 2 });
    let kept = |epoch: u64| fs::read(machine.home().join(format!("journal-{epoch:010}.damaged")));
    assert_eq!(kept(2).unwrap(), bytes, "what was damaged is kept");
    assert!(kept(3).is_ok(), "and what came after it");
}

#[test]
fn a_foreign_state_goes_on_when_a_person_says_so() {
    let machine = Machine::new();
    machine.make(&["a"]);
    let other = machine.path().join("other/state");
    let mut session =
        Session::open(&machine.location_of(&other), machine.clock.clone(), machine.entropy.clone()).unwrap();
    session.append(&made("b")).unwrap();
    session.append(&made("c")).unwrap();
    session.close().unwrap();
    copy_directory(&other, &machine.home());
    assert!(matches!(repaired(&machine), Repair::Nothing { .. } | Repair::GoOn { serial: 4, resources: 2, .. }));
}

#[test]
fn a_state_of_which_nothing_is_good_begins_anew() {
    let machine = Machine::new();
    let state = machine.make(&["a", "b"]);
    fs::write(machine.journal(1), "").unwrap();
    let expected = Repair::BeginAnew { lineage: Some(state.lineage.clone()), resources: Some(2) };
    assert_eq!(repaired(&machine), expected);
    assert_ne!(machine.read().unwrap().state.lineage, state.lineage);
}

#[test]
fn a_state_that_is_gone_can_be_given_up() {
    let machine = Machine::new();
    let state = machine.make(&["a"]);
    fs::remove_dir_all(machine.home()).unwrap();
    assert_eq!(repaired(&machine), Repair::BeginAnew { lineage: Some(state.lineage), resources: Some(1) });
}

#[test]
fn a_changed_head_is_written_again() {
    let machine = Machine::new();
    let state = machine.make(&["a"]);
    fs::write(machine.configuration_of(&state).join("head"), "{}").unwrap();
    assert_eq!(repaired(&machine), Repair::GoOn { serial: 2, seen: None, resources: 1 });
}

#[test]
fn a_missing_key_cannot_be_repaired() {
    let machine = Machine::new();
    let state = machine.make(&["a"]);
    fs::remove_file(machine.configuration_of(&state).join("state.key")).unwrap();
    assert_eq!(code(inspect(&machine.location())), Code(212));
    assert_eq!(code(repair(&machine)), Code(212));
}
