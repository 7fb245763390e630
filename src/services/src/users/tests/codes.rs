//! What one-time codes and recovery codes are good for, and for how often.

use super::*;
use futures::future::join_all;
use std::sync::Arc;

#[tokio::test]
async fn a_code_is_burnt_only_on_success() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let code = world.code(&bob);
    assert!(world.try_log_in(&wrong(&bob), &code).await.is_err());
    assert!(world.try_log_in(&bob, &code).await.is_ok());
    assert_eq!(class(world.try_log_in(&bob, &code).await), Class::RepeatedOTPCodeError);
    world.clock.advance(30);
    assert_eq!(class(world.try_log_in(&bob, &code).await), Class::RepeatedOTPCodeError, "also late in its window");
    assert!(world.try_log_in(&bob, &world.code(&bob)).await.is_ok());
}

#[tokio::test]
async fn codes_may_be_used_again_where_that_is_allowed() {
    let world = World::over(acquire_store::memory(), json!({"otp_reuse": "allow"})).await;
    let bob = world.register("bob").await;
    let code = world.code(&bob);
    for _ in 0..3 {
        assert!(world.try_log_in(&bob, &code).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_log_ins_with_one_code_one_succeeds() {
    let world = Arc::new(World::new().await);
    let bob = world.register("bob").await;
    let code = world.code(&bob);
    let racers = (0..64).map(|_| {
        let (world, bob, code) = (world.clone(), bob.clone(), code.clone());
        tokio::spawn(async move { world.try_log_in(&bob, &code).await })
    });
    let outcomes: Vec<_> = join_all(racers).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let refused: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    assert!(refused.iter().all(|fault| fault.class() == Class::RepeatedOTPCodeError || fault.is_busy()));
    assert!(refused.iter().any(|fault| !fault.is_busy()), "some waited until it was their turn");
}

#[tokio::test]
async fn wrong_codes_lock_a_credential_and_a_device_still_works() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let device = world.remember(&bob).await;
    for _ in 0..5 {
        assert!(world.try_log_in(&bob, "000000").await.is_err());
    }
    let refusal = text(world.try_log_in(&bob, &world.code(&bob)).await.unwrap_err());
    assert!(refusal.contains("recovery code"), "the right code is not looked at: {refusal}");
    world.log_in(&device).await;
    world.clock.advance(120);
    world.log_in(&bob).await;
}

#[tokio::test]
async fn fifty_wrong_codes_in_all_need_a_recovery_code() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    for n in 0..50 {
        world.clock.advance(60 * 1_100);
        let from = world.from([10, 0, 1, n]);
        assert!(from.try_log_in(&bob, "000000").await.is_err());
    }
    world.clock.advance(86_400 * 365);
    assert!(world.try_log_in(&bob, &world.code(&bob)).await.is_err());
    let mut arguments = json!({"username": "bob", "password": bob.password.expose()});
    arguments["recovery_code"] = json!(bob.recovery_codes[3].expose());
    let reply = world.state.recover_by_code(&world.arguments(arguments.clone())).await.unwrap();
    assert_eq!(reply["result"], json!([bob.user, true]));
    assert_eq!(reply["recovery_codes_left"], 9);
    let bob = Person { otp_secret: SecretText::new(reply["otpsecret"].as_str().unwrap()), ..bob };
    world.log_in(&bob).await;
    let again = world.state.recover_by_code(&world.arguments(arguments.clone())).await;
    assert_eq!(class(again), Class::UserValidationError, "a recovery code works once");
    arguments["recovery_code"] = json!(bob.recovery_codes[4].expose().to_uppercase().replace('-', " "));
    arguments["password"] = json!("00000000000000000000000000000000");
    assert!(world.state.recover_by_code(&world.arguments(arguments.clone())).await.is_err());
    arguments["password"] = json!(bob.password.expose());
    assert!(world.state.recover_by_code(&world.arguments(arguments)).await.is_ok(), "hyphens and case do not matter");
}

#[tokio::test]
async fn recovery_answers_the_same_for_whatever_is_wrong() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let good = json!({
        "username": "bob", "password": bob.password.expose(), "recovery_code": bob.recovery_codes[0].expose(),
    });
    let mut seen = Vec::new();
    for (name, bad) in [("username", "eve"), ("password", "00000000000000000000000000000000"), ("recovery_code", "x")] {
        let mut arguments = good.clone();
        arguments[name] = json!(bad);
        let before = world.hashes();
        let fault = world.state.recover_by_code(&world.arguments(arguments)).await.unwrap_err();
        seen.push((text(fault), world.hashes() - before));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
}

#[tokio::test]
async fn a_name_that_nobody_can_have_is_not_looked_up() {
    let objects = Mortal::new(acquire_store::memory(), false, false);
    let world = World::over(objects.clone(), json!({})).await;
    let bob = world.register("bob").await;
    let call = json!({"username": "b".repeat(151), "password": bob.password.expose(), "recovery_code": "x"});
    let before = (world.hashes(), objects.calls());
    assert_eq!(class(world.state.recover_by_code(&world.arguments(call)).await), Class::UserValidationError);
    assert_eq!((world.hashes(), objects.calls()), before);
}

#[tokio::test]
async fn a_code_that_an_admin_gave_recovers_once_and_is_the_same_for_one_operation() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let first = world.state.approve_recovery(&bob.user, "operation-1").await.unwrap();
    assert_eq!(world.state.approve_recovery(&bob.user, "operation-1").await.unwrap(), first);
    let other = world.state.approve_recovery(&bob.user, "operation-2").await.unwrap();
    assert_ne!(other, first);
    let recover = async |code: &SecretText| {
        let call = json!({"username": "bob", "password": bob.password.expose(), "recovery_code": code.expose()});
        world.state.recover_by_code(&world.arguments(call)).await
    };
    assert_eq!(recover(&first).await.unwrap()["recovery_codes_left"], 11);
    assert_eq!(class(recover(&first).await), Class::UserValidationError, "it works once");
    for n in 0..30 {
        world.state.approve_recovery(&bob.user, &format!("operation-more-{n}")).await.unwrap();
    }
    assert_eq!(class(recover(&other).await), Class::UserValidationError, "the oldest made room");
    assert_eq!(class(world.state.approve_recovery(&session_uid(1), "x").await), Class::UserValidationError);
}
