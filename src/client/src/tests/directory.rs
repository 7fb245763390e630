use super::*;
use crate::discover;

fn identity() -> Fake {
    echo(ServiceType::Identity, "a0-a1", 2)
}

/// The identity service after it changed its keys and lost the old ones.
fn rotated() -> Fake {
    let mut fake = echo(ServiceType::Identity, "a0-a1", 4);
    fake.record.last_certificate = key(3).public().clone();
    fake
}

#[tokio::test]
async fn the_registry_proves_itself_with_the_keys_it_was_given() {
    let (net, clock) = Net::new([registry(Vec::new())]);
    let found = directory_of(&net, &clock).registry().await.unwrap();
    assert_eq!(found.uid_text(), "a0-a0");

    let mut impostor = registry(Vec::new());
    (impostor.keys, impostor.certificates) = (vec![key(0), key(4)], vec![key(5)]);
    let (net, clock) = Net::new([impostor]);
    assert!(matches!(directory_of(&net, &clock).registry().await, Err(Error::Answer(_))));
}

#[tokio::test]
async fn a_service_is_looked_up_once_by_uid_or_url() {
    let (net, clock) = Net::new([registry(vec![identity().record]), identity()]);
    let directory = directory_of(&net, &clock);
    let found = directory.by_uid(&"a0-a1".parse().unwrap()).await.unwrap();
    assert_eq!(found, identity().record);
    for url in ["127.0.0.1/t/identity", "http://127.0.0.1:8080/t/identity", "http://127.0.0.1:8080/t/identity/"] {
        assert_eq!(directory.by_url(url).await.unwrap(), found, "{url}");
    }
    assert_eq!(directory.by_url("127.0.0.1/t/registry").await.unwrap().uid_text(), "a0-a0");
    assert_eq!(net.take_calls(), ["registry root", "registry get_service"]);
}

#[tokio::test]
async fn a_service_that_nobody_knows_is_missing() {
    let (net, clock) = Net::new([registry(Vec::new())]);
    let error = directory_of(&net, &clock).by_uid(&"a0-a1".parse().unwrap()).await.unwrap_err();
    assert_eq!(error, Error::Exception(exception::missing_service("no such service")));
    assert!(matches!(directory_of(&net, &clock).by_url("::").await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn a_registry_that_gives_another_uid_is_not_believed() {
    let mut lying = registry(Vec::new());
    let other = identity().record.to_json();
    lying.handler = Box::new(move |_, _| Ok(json!({ "service_info": other })));
    let (net, clock) = Net::new([lying]);
    assert!(matches!(directory_of(&net, &clock).by_uid(&"a0-a2".parse().unwrap()).await, Err(Error::Answer(_))));
}

#[tokio::test]
async fn a_lost_key_is_looked_up_and_the_call_is_made_once_more() {
    let (net, clock) = Net::new([registry(vec![rotated().record]), rotated()]);
    let answer = directory_of(&net, &clock).call(&identity().record, Some("echo"), &json!({ "a": 1 })).await;
    assert_eq!(answer.unwrap(), json!({ "a": 1 }));
    assert_eq!(net.take_calls(), ["identity refused", "registry root", "registry get_service", "identity echo"]);
}

#[tokio::test]
async fn a_key_that_the_registry_still_publishes_is_not_tried_again() {
    let (net, clock) = Net::new([registry(vec![identity().record]), rotated()]);
    let outcome = directory_of(&net, &clock).call(&identity().record, Some("echo"), &json!({})).await;
    assert!(matches!(outcome, Err(Error::MissingKey(_))));
    assert_eq!(net.take_calls(), ["identity refused", "registry root", "registry get_service"]);
}

#[tokio::test]
async fn no_other_failure_is_sent_twice() {
    let (net, clock) = Net::new([registry(vec![identity().record]), identity()]);
    let outcome = directory_of(&net, &clock).call(&identity().record, Some("fail"), &json!({})).await;
    assert!(matches!(outcome, Err(Error::Exception(_))));
    assert_eq!(net.take_calls(), ["identity fail"]);
}

#[tokio::test]
async fn old_keys_are_refreshed_by_a_challenge_or_else_by_the_registry() {
    let (net, clock) = Net::new([registry(vec![identity().record]), identity()]);
    let directory = directory_of(&net, &clock);
    let uid = "a0-a1".parse().unwrap();
    directory.by_uid(&uid).await.unwrap();
    clock.pass(604_801);
    let mut fresh = identity();
    fresh.record.last_key_update = clock.now();
    let mut present = registry(vec![fresh.record.clone()]);
    present.record.last_key_update = clock.now();
    net.put(present);
    net.put(fresh);
    net.take_calls();
    assert_eq!(directory.by_uid(&uid).await.unwrap().last_key_update, clock.now());
    assert_eq!(net.take_calls(), ["identity root"]);

    clock.pass(604_801);
    net.put(rotated());
    let mut present = registry(vec![rotated().record]);
    present.record.last_key_update = clock.now();
    net.put(present);
    assert_eq!(directory.by_uid(&uid).await.unwrap().public_key, *key(4).public());
    assert_eq!(net.take_calls(), ["identity refused", "registry root", "registry get_service"]);
}

#[tokio::test]
async fn a_service_that_became_another_is_not_taken() {
    let mut other = identity();
    other.record.uid = Some("a0-a9".parse().unwrap());
    let (net, clock) = Net::new([registry(Vec::new()), other]);
    assert!(directory_of(&net, &clock).refresh(&identity().record).await.is_err());
}

#[tokio::test]
async fn a_first_contact_takes_only_the_service_that_was_meant() {
    let (net, clock) = Net::new([registry(Vec::new()), identity()]);
    let found = discover(&*net, &*clock, ServiceType::Registry, "http://127.0.0.1:8080/t/registry").await.unwrap();
    assert_eq!(found.uid_text(), "a0-a0");
    for (service, url) in [
        (ServiceType::Registry, "http://127.0.0.1:8080/t/identity"),
        (ServiceType::Registry, "http://127.0.0.1:8080/t/nothing"),
        (ServiceType::Registry, "::"),
    ] {
        assert!(discover(&*net, &*clock, service, url).await.is_err(), "{url}");
    }
}
