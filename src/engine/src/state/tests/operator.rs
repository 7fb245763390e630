//! Who signs what was done.

use std::os::unix::fs::PermissionsExt;

use acquire_crypto::signing::SigningKey;

use super::*;

impl Machine {
    fn operator(&self) -> Operator {
        Operator::open(&self.location(), "alice@build-3".to_owned()).unwrap()
    }

    fn operator_key(&self) -> PathBuf {
        self.path().join("config/acquire/operator.key")
    }

    /// Every signature with its serial, and whether it holds.
    fn signatures(&self) -> Vec<(u64, String, bool)> {
        let mut found = Vec::new();
        let mut look = |passage: &Passage<'_>| {
            if let Event::Signed { by, key, signature } = passage.event {
                found.push((passage.state.serial, by.clone(), passage.is_signed(by, key, signature)));
            }
        };
        let _ = block_on(replay(&self.location(), &mut look)).unwrap();
        found
    }
}

fn sign(session: &mut Session, operator: &Operator) {
    block_on(session.0.sign(operator)).unwrap();
}

#[test]
fn a_run_that_ended_is_signed_with_a_key_that_is_made_once_for_its_owner_alone() {
    let machine = Machine::new();
    let mut session = machine.open().unwrap();
    session.append(&[begun(2)]).unwrap();
    session.append(&made("a")).unwrap();
    sign(&mut session, &machine.operator());
    assert_eq!(session.state().serial, 3, "it has not ended");
    session.append(&[Event::Ended]).unwrap();
    sign(&mut session, &machine.operator());
    session.append(&[begun(0), Event::Ended]).unwrap();
    sign(&mut session, &machine.operator());
    session.close().unwrap();
    let by = || "alice@build-3".to_owned();
    assert_eq!(machine.signatures(), [(4, by(), true), (7, by(), true)]);
    assert_eq!(fs::metadata(machine.operator_key()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(files(&machine.path().join("config/acquire")), ["operator.key"], "nothing else is left beside it");
}

/// The names of the files in a directory.
fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.path().is_file());
    files.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn a_session_that_wrote_nothing_signs_nothing() {
    let machine = Machine::new();
    let mut session = machine.open().unwrap();
    session.append(&[begun(0), Event::Ended]).unwrap();
    session.close().unwrap();
    let mut session = machine.open().unwrap();
    sign(&mut session, &machine.operator());
    session.close().unwrap();
    assert_eq!(machine.signatures(), []);
}

#[test]
fn a_signature_of_another_place_name_or_key_does_not_hold() {
    let (machine, other) = (Machine::new(), SigningKey::generate().unwrap().public());
    let mut session = machine.open().unwrap();
    session.append(&[begun(0), Event::Ended]).unwrap();
    sign(&mut session, &machine.operator());
    let mut signed = None;
    let mut look = |passage: &Passage<'_>| signed = Some(passage.event.clone());
    let _ = block_on(replay(&machine.location(), &mut look)).unwrap();
    let Some(Event::Signed { by, key, signature }) = signed else { panic!("it is signed") };
    for (by, key) in [(by.clone(), key), ("bob@build-3".to_owned(), key), (by, other)] {
        session.append(&[Event::Signed { by, key, signature }]).unwrap();
    }
    session.close().unwrap();
    let holds: Vec<bool> = machine.signatures().into_iter().map(|(_, _, holds)| holds).collect();
    assert_eq!(holds, [true, false, false, false]);
}

#[test]
fn nothing_is_signed_before_a_run_has_ended_and_a_foreign_key_file_is_refused() {
    let machine = Machine::new();
    let signed = machine
        .operator()
        .sign(&machine.make(&["a"]).lineage, format::Link { epoch: 1, serial: 2, hash: format::Hash::NONE });
    assert_eq!(code(machine.open().unwrap().append(&[signed.unwrap()])), Code(223));
    fs::write(machine.operator_key(), "something else").unwrap();
    let refused = Operator::open(&machine.location(), String::new()).err().unwrap();
    assert_eq!(refused.code, Code(240));
    assert!(refused.hint.unwrap().contains("backup"));
}
