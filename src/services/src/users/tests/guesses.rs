//! What guessing costs, and whom.

use super::*;
use crate::users::guess::{STRANGERS_MAX, Target};
use futures::FutureExt;
use futures::future::join_all;

#[tokio::test]
async fn every_failure_looks_the_same_and_costs_the_same() {
    let objects = Mortal::new(acquire_store::memory(), false, false);
    let world = World::over(objects.clone(), json!({})).await;
    let (bob, dave) = (world.register("bob").await, world.register("dave").await);
    world.state.set_status(&dave.user, Status::Disabled, world.clock.now()).await.unwrap();
    let tries = [nobody("eve", &bob), wrong(&bob), wrong(&dave), dave, bob.clone()];
    for person in &tries {
        // The first failure of each kind makes the documents that count it.
        world.try_log_in(person, "000000").await.unwrap_err();
    }
    let mut seen = Vec::new();
    // With his fifth wrong code bob is locked, and it must not show.
    for person in tries.iter().chain([&bob; 6]) {
        let session = world.request(&person.name).await;
        let before = (world.hashes(), objects.calls());
        let fault = world.log_in_to(person, &session, "000000").await.unwrap_err();
        seen.push((text(fault), world.hashes() - before.0, objects.calls() - before.1));
    }
    assert!(seen[0].0.contains("UserValidationError"));
    for (told, hashes, calls) in &seen {
        assert_eq!((told, *hashes), (&seen[0].0, 1), "{seen:?}");
        // The account of somebody who is not there is listed and not found; one who is there is read with two gets.
        assert!(calls.abs_diff(seen[0].2) <= 1, "{seen:?}");
    }
    let there: Vec<u64> = seen.iter().skip(1).map(|(_, _, calls)| *calls).collect();
    assert!(there.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
}

/// How long an answer is held back, milliseconds.
async fn held_back<T>(world: &World, answer: impl Future<Output = T>) -> (i64, T) {
    let before = world.clock.now();
    let answer = answer.await;
    (world.clock.now().since(before) / 1_000, answer)
}

#[tokio::test]
async fn a_wrong_code_slows_the_next_guesses_as_a_wrong_password_does() {
    for is_code in [true, false] {
        let world = World::new().await;
        let bob = world.register("bob").await;
        for n in 0..8 {
            let person = if is_code { bob.clone() } else { wrong(&bob) };
            world.from([10, 9, 9, n]).try_log_in(&person, "000000").await.unwrap_err();
        }
        let (delay, _) = held_back(&world, world.try_log_in(&wrong(&bob), "000000")).await;
        assert_eq!(delay, 1_000, "{is_code}");
    }
}

#[tokio::test]
async fn guesses_at_once_are_as_slow_as_one_after_the_other() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let worlds: Vec<World> = (0..12).map(|n| world.from([10, 9, n, 9])).collect();
    let person = wrong(&bob);
    let guesses = join_all(worlds.iter().map(|world| world.try_log_in(&person, "000000")));
    let (delay, outcomes) = held_back(&world, guesses).await;
    assert!(outcomes.iter().all(Result::is_err));
    assert_eq!(delay, 250 + 500 + 1_000 + 2_000 + 4_000 + 8_000);
}

#[tokio::test]
async fn of_guesses_at_once_at_one_session_ten_are_judged() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let (session, before, person) = (world.request("bob").await, world.hashes(), wrong(&bob));
    let guesses = (0..13).map(|_| world.log_in_to(&person, &session, "000000"));
    let outcomes = join_all(guesses).await;
    assert_eq!(world.hashes() - before, 10);
    let late = outcomes
        .into_iter()
        .filter(|outcome| outcome.as_ref().is_err_and(|fault| fault.class() == Class::LoginSessionError));
    assert_eq!(late.count(), 3);
}

#[tokio::test]
async fn recovery_codes_are_guessed_one_after_the_other_too() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let call = json!({"username": "bob", "password": bob.password.expose(), "recovery_code": "aaaa-aaaa-aaaa-aaaa"});
    let worlds: Vec<World> = (0..8).map(|n| world.from([10, 9, n, 9])).collect();
    let calls: Vec<_> = worlds.iter().map(|world| world.arguments(call.clone())).collect();
    let guesses = join_all(calls.iter().map(|call| world.state.recover_by_code(call)));
    let (delay, outcomes) = held_back(&world, guesses).await;
    assert!(outcomes.iter().all(Result::is_err));
    assert_eq!(delay, 250 + 500);
}

#[tokio::test]
async fn whoever_stole_a_device_is_slowed_down_and_its_owner_logs_in_otherwise() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let device = world.remember(&bob).await;
    for n in 0..8 {
        world.from([10, 9, 9, n]).try_log_in(&wrong(&device), &world.code(&device)).await.unwrap_err();
    }
    assert_eq!(held_back(&world, world.try_log_in(&wrong(&device), "000000")).await.0, 1_000);
    assert_eq!(held_back(&world, world.log_in(&bob)).await.0, 30_000, "only the step that the test waits");
}

#[tokio::test]
async fn wrong_passwords_only_slow_down_and_a_known_device_is_exempt() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let device = world.remember(&bob).await;
    for n in 0..30 {
        let attacker = world.from([10, 9, 9, n]);
        assert!(attacker.try_log_in(&wrong(&bob), "000000").await.is_err());
    }
    let before = world.clock.now();
    world.log_in(&device).await;
    assert_eq!(world.clock.now().since(before), 30_000_000, "no delay: only the step that the test waits");
    let before = world.clock.now();
    world.log_in(&bob).await;
    let delay = world.clock.now().since(before) - 30_000_000;
    assert!((250_000..=8_000_000).contains(&delay), "held back {delay} µs, and let in");
}

#[tokio::test]
async fn when_very_many_fail_all_strangers_are_slowed_down_for_a_while() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let device = world.remember(&bob).await;
    let fail = async |n: u32| {
        // From another network, at another name: neither tally would ever ask for a delay.
        let target = format!("user-{n}");
        let guess = world.state.guess(Target::Username(&target), Some(n.to_be_bytes().into())).await.unwrap();
        world.state.count(&guess).await.unwrap();
    };
    for n in 0..301 {
        fail(n).await;
    }
    assert_eq!(held_back(&world, fail(301)).await.0, 250);
    assert_eq!(held_back(&world, world.log_in(&device)).await.0, 30_000, "only the step that the test waits");
    world.clock.advance(600);
    assert_eq!(held_back(&world, fail(302)).await.0, 0);
}

#[tokio::test]
async fn only_so_many_are_held_back_at_once_and_others_are_told_to_try_again() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let device = world.remember(&bob).await;
    for n in 0..6 {
        world.from([10, 9, 9, n]).try_log_in(&wrong(&bob), "000000").await.unwrap_err();
    }
    let places: Vec<_> = (0..STRANGERS_MAX).map(|n| world.state.strangers.place(&n.to_string()).unwrap()).collect();
    let refused = world.try_log_in(&bob, &world.code(&bob)).await.unwrap_err();
    assert!(refused.is_busy() && text(refused).contains("try again"));
    world.log_in(&device).await;
    drop(places);
    world.log_in(&bob).await;
}

#[tokio::test]
async fn a_flood_of_strangers_keeps_no_known_device_out() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let device = world.remember(&bob).await;
    world.clock.advance(30);
    let turns = world.occupy_hasher().await;
    let session = world.request("bob").await;
    let code = world.code(&bob);
    let mut stranger = Box::pin(world.log_in_to(&bob, &session, &code));
    assert!((&mut stranger).now_or_never().is_none(), "it waits for a turn");
    world.log_in(&device).await;
    assert!((&mut stranger).now_or_never().is_none(), "and goes on waiting");
    drop(turns);
    assert!(stranger.await.is_ok());
}

#[tokio::test]
async fn an_address_that_fails_often_is_slowed_down_for_every_name() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    for n in 0..30 {
        assert!(world.try_log_in(&nobody(&format!("user-{n}"), &bob), "000000").await.is_err());
    }
    let before = world.clock.now();
    world.try_log_in(&bob, &world.code(&bob)).await.unwrap();
    assert!(world.clock.now().since(before) >= 250_000);
}

#[tokio::test]
async fn ten_failures_deny_the_session_that_they_were_for() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let (session, other) = (world.request("bob").await, world.request("bob").await);
    for _ in 0..10 {
        assert!(world.log_in_to(&wrong(&bob), &session, "000000").await.is_err());
    }
    assert_eq!(world.status(&session).await, "denied");
    assert_eq!(class(world.log_in_to(&bob, &session, &world.code(&bob)).await), Class::LoginSessionError);
    assert!(world.log_in_to(&bob, &other, &world.code(&bob)).await.is_ok());
}
