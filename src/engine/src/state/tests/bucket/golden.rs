//! The released format of a bucket. A change here breaks every state there is: it needs a new version, and a reader for
//! the old.

use std::collections::BTreeMap;

use super::*;

/// Every object: its name, a line with its length, and its bytes.
const OBJECTS: &[u8] = include_bytes!("../../golden/bucket-v1");

fn packed(objects: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut packed = Vec::new();
    for (name, bytes) in objects {
        packed.extend(format!("{name} {}\n", bytes.len()).into_bytes());
        packed.extend(bytes);
        packed.push(b'\n');
    }
    packed
}

fn unpacked(mut packed: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut objects = BTreeMap::new();
    while !packed.is_empty() {
        let end = packed.iter().position(|byte| *byte == b'\n').unwrap();
        let line = std::str::from_utf8(&packed[..end]).unwrap();
        let (name, length) = line.rsplit_once(' ').unwrap();
        let begin = end + 1;
        let length: usize = length.parse().unwrap();
        objects.insert(name.to_owned(), packed[begin..begin + length].to_vec());
        packed = &packed[begin + length + 1..];
    }
    objects
}

/// Two epochs, of which the second has one group of two records.
async fn written() -> (Users, State, BTreeMap<String, Vec<u8>>) {
    let users = Users::new().await;
    let state = users.alice.make(&["b"]).await;
    let mut objects = users.world.objects().await;
    // Process and machine are those of whoever runs the tests.
    let here =
        serde_json::from_slice::<serde_json::Value>(&objects["lock/00000000000000000001"]).unwrap()["holder"].take();
    for (name, bytes) in &mut objects {
        if name.starts_with("lock/") && !name.ends_with(".beat") {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let text = text.replace(&format!("\"pid\":{}", here["pid"]), "\"pid\":4711");
            *bytes = text.replace(&format!("\"host\":{}", here["host"]), "\"host\":\"build-3\"").into_bytes();
        }
    }
    (users, state, objects)
}

#[test]
fn a_bucket_is_written_as_it_was_released() {
    block(async {
        let (_, _, objects) = written().await;
        assert!(packed(&objects) == OBJECTS);
    });
}

#[test]
fn a_released_bucket_is_still_read() {
    block(async {
        let (users, state, _) = written().await;
        let Users { world, alice, bob } = users;
        world.restore(&unpacked(OBJECTS)).await;
        assert_eq!(alice.read().await.unwrap().state, state);
        assert_eq!(bob.make(&["c"]).await.resources.len(), 3);
    });
}
