use std::fs::File;
use std::process::{Child, Command};

use super::*;

#[test]
fn a_second_writer_is_refused_and_told_who_holds_the_lock() {
    let machine = Machine::new();
    let session = machine.open().unwrap();
    let refused = machine.open().err().unwrap();
    assert_eq!(refused.code, Code(201));
    assert!(refused.detail.unwrap().contains(&format!(" is locked by alice, process {} on ", std::process::id())));
    assert!(machine.read().is_ok(), "reading needs no lock");
    drop(session);
    machine.open().unwrap();
}

#[test]
fn a_lock_file_without_its_holder_locks_nothing() {
    let machine = Machine::new();
    machine.make(&["a"]);
    fs::write(machine.home().join("lock"), "left by somebody who died").unwrap();
    machine.open().unwrap();
}

#[test]
fn a_stopped_holder_is_said_to_be_stopped() {
    struct Stopped(Child);
    impl Drop for Stopped {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    let machine = Machine::new();
    machine.make(&["a"]);
    let child = Stopped(Command::new("sleep").arg("600").spawn().unwrap());
    let pid = child.0.id();
    let path = machine.home().join("lock");
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let note = json!({ "pid": pid, "host": host.trim(), "since": "2026-11-24T10:00:00" });
    fs::write(&path, note.to_string()).unwrap();
    let lock = File::open(&path).unwrap();
    lock.try_lock().unwrap();

    let running = machine.open().err().unwrap();
    assert!(!running.hint.unwrap().contains("stopped"));
    assert!(Command::new("kill").args(["-STOP", &pid.to_string()]).status().unwrap().success());
    let state = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    while !state().contains(") T ") {
        std::thread::yield_now();
    }
    let stopped = machine.open().err().unwrap();
    assert_eq!(stopped.code, Code(201));
    assert!(stopped.hint.unwrap().contains(&format!("that process is stopped: `kill -CONT {pid}`")));
}

#[test]
fn of_many_writers_one_at_a_time_gets_through() {
    let machine = Machine::new();
    machine.make(&["a"]);
    let location = machine.location();
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let (location, clock, entropy) = (location.clone(), machine.clock.clone(), machine.entropy.clone());
            std::thread::spawn(move || {
                let mut written = 0;
                while written < 5 {
                    let Ok(mut session) = Session::open(&location, clock.clone(), entropy.clone()) else { continue };
                    session.append(&made(&format!("t{thread}-{written}"))).unwrap();
                    session.close().unwrap();
                    written += 1;
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(machine.read().unwrap().state.resources.len(), 41);
}
