use super::*;

#[test]
fn an_old_copy_is_refused() {
    let machine = Machine::new();
    machine.make(&["a"]);
    let copy = machine.path().join("copy");
    copy_directory(&machine.home(), &copy);
    machine.make(&["b"]);
    copy_directory(&copy, &machine.home());
    assert_eq!(machine.refusal(), 203);
    let refused = read(&machine.location()).unwrap_err();
    let detail = refused.detail.unwrap();
    assert!(detail.contains("state  serial 2, head ") && detail.contains("last seen  serial 4, head "), "{detail}");
}

#[test]
fn the_state_of_another_deployment_is_refused() {
    let machine = Machine::new();
    machine.make(&["a"]);
    let other = machine.path().join("other/state");
    let mut session =
        Session::open(&machine.location_of(&other), machine.clock.clone(), machine.entropy.clone()).unwrap();
    session.append(&made("b")).unwrap();
    session.close().unwrap();
    copy_directory(&other, &machine.home());
    assert_eq!(machine.refusal(), 202);
}

#[test]
fn one_file_of_another_deployment_is_refused() {
    let (machine, other) = (Machine::new(), Machine::new());
    other.entropy.0.store(700, Ordering::SeqCst);
    for machine in [&machine, &other] {
        machine.make(&["a"]);
        machine.make(&["b"]);
    }
    fs::copy(other.journal(2), machine.journal(2)).unwrap();
    assert_eq!(machine.refusal(), 204);
}

#[test]
fn every_flipped_bit_is_refused() {
    let machine = Machine::new();
    machine.make(&["a"]);
    machine.make(&["b"]);
    for epoch in [1, 2] {
        let path = machine.journal(epoch);
        let good = fs::read(&path).unwrap();
        for n in 0..good.len() {
            let mut bad = good.clone();
            bad[n] ^= 1 << (n % 8);
            fs::write(&path, &bad).unwrap();
            assert_eq!(code(read(&machine.location())), Code(204), "epoch {epoch}, byte {n}");
        }
        assert_eq!(machine.refusal(), 204);
        fs::write(&path, &good).unwrap();
    }
    machine.open().unwrap();
}

#[test]
fn every_shortened_journal_is_refused() {
    let machine = Machine::new();
    let mut ends = Vec::new();
    let mut session = machine.open().unwrap();
    for name in ["a", "b", "c"] {
        ends.push(usize::try_from(fs::metadata(machine.journal(1)).unwrap().len()).unwrap());
        session.append(&[started(name, Action::Create)]).unwrap();
    }
    session.close().unwrap();
    let good = fs::read(machine.journal(1)).unwrap();
    for n in 0..good.len() {
        fs::write(machine.journal(1), &good[..n]).unwrap();
        let expected = match n {
            0 => 206,
            _ if ends.contains(&n) => 203,
            _ => 205,
        };
        assert_eq!(code(read(&machine.location())), Code(expected), "cut at {n}");
    }
    for n in [0, ends[0], ends[0] + 1] {
        fs::write(machine.journal(1), &good[..n]).unwrap();
        machine.refusal();
    }
    assert_eq!(fs::read(machine.journal(1)).unwrap(), good[..=ends[0]], "a refusal changes nothing");
}

#[test]
fn a_state_that_is_gone_is_missed_if_there_was_something_in_it() {
    let machine = Machine::new();
    let state = machine.make(&["a"]);
    fs::remove_dir_all(machine.home()).unwrap();
    assert_eq!(machine.refusal(), 207);
    let detail = read(&machine.location()).unwrap_err().detail.unwrap();
    assert!(detail.contains(state.lineage.as_str()));
}

#[test]
fn an_emptied_state_may_vanish() {
    let machine = Machine::new();
    let first = machine.make(&["a"]);
    let mut session = machine.open().unwrap();
    session.append(&[started("a", Action::Delete), Event::Gone { address: address("a") }]).unwrap();
    session.close().unwrap();
    fs::remove_dir_all(machine.home()).unwrap();
    assert!(read(&machine.location()).unwrap().is_none());
    assert_ne!(machine.make(&["b"]).lineage, first.lineage);
}

#[test]
fn two_histories_from_one_state_are_refused() {
    let machine = Machine::new();
    machine.make(&["a"]);
    let copy = machine.path().join("copy");
    copy_directory(&machine.home(), &copy);
    machine.make(&["b"]);
    // The other machine goes on from the copy, with the same key and without our head.
    let other = Machine::new();
    copy_directory(&copy, &other.home());
    let state = machine.read().unwrap().state;
    fs::create_dir_all(other.configuration_of(&state)).unwrap();
    let key = |machine: &Machine| machine.configuration_of(&state).join("state.key");
    fs::copy(key(&machine), key(&other)).unwrap();
    other.entropy.0.store(900, Ordering::SeqCst);
    other.make(&["c", "d"]);
    copy_directory(&other.home(), &machine.home());
    assert_eq!(machine.refusal(), 208);
}

#[test]
fn a_missing_file_is_named() {
    let machine = Machine::new();
    for name in ["a", "b", "c"] {
        machine.make(&[name]);
    }
    for epoch in [1, 2] {
        let kept = fs::read(machine.journal(epoch)).unwrap();
        fs::remove_file(machine.journal(epoch)).unwrap();
        assert_eq!(machine.refusal(), 209);
        let detail = read(&machine.location()).unwrap_err().detail.unwrap();
        assert!(detail.contains(&format!("journal-{epoch:010}")), "{detail}");
        fs::write(machine.journal(epoch), kept).unwrap();
    }
    fs::remove_file(machine.journal(3)).unwrap();
    assert_eq!(machine.refusal(), 203, "without its newest file it is an old copy");
}

#[test]
fn a_wrong_or_missing_key_is_told_from_damage() {
    let (machine, other) = (Machine::new(), Machine::new());
    other.entropy.0.store(300, Ordering::SeqCst);
    let state = machine.make(&["a"]);
    let others = other.configuration_of(&other.make(&["a"])).join("state.key");
    let key = machine.configuration_of(&state).join("state.key");
    let good = fs::read(&key).unwrap();
    fs::copy(others, &key).unwrap();
    assert_eq!(machine.refusal(), 211);
    for bad in ["", "acquire-state-key 1 00", "acquire-state-key 2 00", "\u{fffd}"] {
        fs::write(&key, bad).unwrap();
        assert_eq!(machine.refusal(), 211, "{bad}");
    }
    fs::remove_file(&key).unwrap();
    assert_eq!(machine.refusal(), 212);
    fs::write(&key, good).unwrap();
    machine.open().unwrap();
}

#[test]
fn an_unknown_format_is_refused() {
    let machine = Machine::new();
    machine.make(&["a"]);
    let text = fs::read(machine.journal(1)).unwrap();
    let line = String::from_utf8_lossy(&text[..text.iter().position(|b| *b == b'\n').unwrap()]).into_owned();
    let newer = line.rsplit_once(' ').unwrap().0.replace("\"version\":1", "\"version\":2");
    fs::write(machine.journal(1), format!("{newer} {}\n", acquire_crypto::hash::sha256_hex(newer.as_bytes()))).unwrap();
    assert_eq!(machine.refusal(), 214);
}

#[test]
fn a_changed_head_is_refused() {
    let machine = Machine::new();
    let state = machine.make(&["a"]);
    let head = machine.configuration_of(&state).join("head");
    let good = fs::read_to_string(&head).unwrap();
    for bad in
        ["", "{}", &good.replace("\"serial\":2", "\"serial\":1"), &good.replace("\"resources\":1", "\"resources\":0")]
    {
        fs::write(&head, bad).unwrap();
        assert_eq!(machine.refusal(), 215, "{bad}");
    }
    fs::write(&head, good).unwrap();
    machine.open().unwrap();
}

#[test]
fn a_home_that_is_no_directory_is_a_clear_error() {
    let machine = Machine::new();
    fs::create_dir_all(machine.home().parent().unwrap()).unwrap();
    fs::write(machine.home(), "a file").unwrap();
    assert_eq!(code(machine.open()), Code(216));
    assert_eq!(code(read(&machine.location())), Code(217));
}
