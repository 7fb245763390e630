use crate::testing::{key, open};
use crate::{Claim, Document, Store, memory};
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::Arc;

/// A store as the first release wrote it: two generations, a record, a document, a claim with its answer.
const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/format-1");

async fn golden() -> (Arc<dyn ObjectStore>, Store) {
    let (files, objects) = (LocalFileSystem::new_with_prefix(DIRECTORY).unwrap(), memory());
    let listed: Vec<_> = files.list(None).try_collect().await.unwrap();
    for file in listed {
        let bytes = files.get(&file.location).await.unwrap().bytes().await.unwrap();
        objects.put(&file.location, bytes.into()).await.unwrap();
    }
    let store = open(&objects).await;
    (objects, store)
}

#[tokio::test]
async fn what_the_first_release_wrote_still_opens() {
    let (_, store) = golden().await;
    let alice = key("users/alice");
    assert_eq!(store.get(&alice).await.unwrap(), Some("a record".to_owned()));
    assert_eq!(store.read(&alice).await.unwrap(), Some(Document { version: 2, value: "a document".to_owned() }));
    assert_eq!(store.claim(&alice, &[1; 32]).await.unwrap(), Claim::Same { answer: Some(b"an answer".to_vec()) });
    assert_eq!(store.list(&key("users")).await.unwrap(), [alice]);
}

#[tokio::test]
async fn opening_it_changes_nothing() {
    let (objects, _) = golden().await;
    let listed: Vec<_> = objects.list(None).try_collect().await.unwrap();
    let mut names: Vec<String> = listed.into_iter().map(|object| object.location.to_string()).collect();
    names.sort_unstable();
    let expected = [
        "_data_key/00000000000000000001!v/00000000000000000002",
        "_data_key/00000000000000000002!v/00000000000000000001",
        "_store!record",
        "users/alice!answer",
        "users/alice!claim",
        "users/alice!record",
        "users/alice!v/00000000000000000001",
        "users/alice!v/00000000000000000002",
    ];
    assert_eq!(names, expected);
}
