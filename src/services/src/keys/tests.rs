use crate::frame::testing::{Deployment, Layout, url};
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::{Class, Exception};
use acquire_model::Attributes;
use acquire_model::ServiceType::{Access, Identity, Registry};
use serde_json::{Value, json};

const WEEK: i64 = 604_800;

async fn pair() -> Deployment {
    Deployment::set_up(Layout::Apart, &[Registry, Identity]).await
}

/// What the registry says of the identity service.
async fn published(deployment: &Deployment) -> ServiceRecord {
    let which = json!({ "service_uid": null, "service_url": url(Identity) });
    let answer = deployment.call(Registry, Some("get_service"), &which).await.unwrap();
    ServiceRecord::from_json(&answer["service_info"]).unwrap()
}

async fn warm(deployment: &Deployment, to: &ServiceRecord) -> Result<Value, Exception> {
    deployment.call_as(to, Some("warm"), &json!({})).await
}

fn present(deployment: &Deployment) -> ServiceRecord {
    deployment.node(Identity).cx().keys.ring().record().unwrap()
}

/// Lets an interval pass and rotates.
async fn rotate(deployment: &Deployment) {
    deployment.clock.advance(WEEK + 1);
    deployment.node(Identity).service().sweep().await.unwrap();
}

#[tokio::test]
async fn keys_change_when_they_are_due_and_not_before() {
    let deployment = pair().await;
    let born = present(&deployment);
    deployment.clock.advance(WEEK);
    warm(&deployment, &born).await.unwrap();
    assert_eq!(present(&deployment), born);
    deployment.clock.advance(1);
    warm(&deployment, &born).await.unwrap();
    let next = present(&deployment);
    assert_ne!((&next.public_key, &next.public_certificate), (&born.public_key, &born.public_certificate));
    assert_eq!(next.last_certificate, born.public_certificate);
    assert!(next.last_key_update > born.last_key_update);
    assert!(!next.is_refresh_due(deployment.clock_now()), "clients who refresh are content");
}

#[tokio::test]
async fn a_client_with_old_keys_is_still_answered() {
    let deployment = pair().await;
    let mut known = vec![present(&deployment)];
    for _ in 0..3 {
        rotate(&deployment).await;
        known.push(present(&deployment));
    }
    for record in &known {
        warm(&deployment, record).await.unwrap();
    }
    assert_eq!(known.iter().map(|record| record.public_key.pem()).collect::<std::collections::BTreeSet<_>>().len(), 4);
}

#[tokio::test]
async fn rotation_is_pushed_to_the_registry() {
    let deployment = pair().await;
    rotate(&deployment).await;
    assert_eq!(published(&deployment).await.public_key, present(&deployment).public_key);
    assert!(!deployment.node(Identity).cx().keys.ring().is_unconfirmed());
}

#[tokio::test]
async fn what_the_registry_publishes_is_never_purged() {
    let deployment = pair().await;
    let known = published(&deployment).await;
    deployment.network.set_down(&url(Registry), true);
    for _ in 0..8 {
        rotate(&deployment).await;
    }
    assert!(deployment.node(Identity).cx().keys.ring().is_unconfirmed());
    warm(&deployment, &known).await.unwrap();
    deployment.network.set_down(&url(Registry), false);
    deployment.node(Identity).service().sweep().await.unwrap();
    assert_eq!(published(&deployment).await, present(&deployment), "told as soon as it is back");
}

#[tokio::test]
async fn a_client_whose_key_is_gone_finds_the_new_one_through_the_registry() {
    let deployment = pair().await;
    rotate(&deployment).await;
    let known = present(&deployment);
    for _ in 0..7 {
        rotate(&deployment).await;
    }
    let lost = warm(&deployment, &known).await.unwrap_err();
    assert_eq!(lost.class, Class::ServiceAccountMissingKeyError);
    warm(&deployment, &published(&deployment).await).await.unwrap();
}

#[tokio::test]
async fn a_service_that_calls_with_a_lost_key_looks_the_other_up_anew() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry, Identity, Access]).await;
    rotate(&deployment).await;
    let stale = present(&deployment);
    for _ in 0..7 {
        rotate(&deployment).await;
    }
    let cx = deployment.node(Access).cx();
    let answer = crate::trusted::call(cx, &stale, Some("warm"), &json!({})).await;
    assert_eq!(answer.unwrap(), json!({}));
    let once = crate::trusted::ask(cx, &stale, Some("warm"), &json!({})).await;
    assert_eq!(once.unwrap_err().class(), Class::ServiceAccountMissingKeyError);
}

#[tokio::test]
async fn the_keys_it_was_born_with_work_for_ever() {
    let deployment = pair().await;
    for _ in 0..8 {
        rotate(&deployment).await;
    }
    let answer = deployment.call(Identity, Some("verify"), &json!({ "nonce": "still you?" })).await.unwrap();
    assert_eq!(answer["nonce"], "still you?");
}

#[tokio::test]
async fn two_processes_that_rotate_at_once_change_the_keys_once() {
    let mut deployment = pair().await;
    let first = deployment.node(Identity).service();
    deployment.restart(Identity, Attributes::new()).await;
    let second = deployment.node(Identity).service();
    deployment.clock.advance(WEEK + 1);
    let (one, two) = tokio::join!(first.sweep(), second.sweep());
    one.unwrap();
    two.unwrap();
    let own = deployment.node(Identity).cx().keys.ring().own.clone().unwrap();
    assert!(own.archive.is_empty());
    assert!(own.last.is_some());
}

#[tokio::test]
async fn keys_that_another_process_made_are_found_at_once() {
    let mut deployment = pair().await;
    let other = deployment.node(Identity).service();
    deployment.restart(Identity, Attributes::new()).await;
    deployment.clock.advance(WEEK + 1);
    other.sweep().await.unwrap();
    let known = published(&deployment).await;
    // The new process serves the URL, and has read the record before the other one rotated.
    deployment.clock.advance(2);
    warm(&deployment, &known).await.unwrap();
}

#[tokio::test]
async fn the_interval_is_a_setting() {
    let mut deployment = pair().await;
    deployment.restart(Identity, Attributes::from([("rotate_seconds".to_owned(), json!(4_000))])).await;
    let born = present(&deployment);
    assert_eq!(born.key_update_interval_seconds, 4_000);
    deployment.clock.advance(4_001);
    warm(&deployment, &born).await.unwrap();
    assert_ne!(present(&deployment).public_key, born.public_key);
    deployment.restart(Identity, Attributes::from([("rotate_seconds".to_owned(), json!(1))])).await;
    assert_eq!(present(&deployment).key_update_interval_seconds, 3_600, "no registry lets in less");
}

#[tokio::test]
async fn a_registry_rotates_too_and_is_found_by_its_first_keys() {
    let deployment = pair().await;
    deployment.clock.advance(WEEK + 1);
    deployment.node(Registry).service().sweep().await.unwrap();
    let which = json!({ "service_uid": "a0-a0", "service_url": null });
    let answer = deployment.call(Registry, Some("get_service"), &which).await.unwrap();
    let record = ServiceRecord::from_json(&answer["service_info"]).unwrap();
    assert_ne!(record.public_key, deployment.provisioned(Registry).public_key);
    warm(&deployment, &record).await.unwrap();
}
