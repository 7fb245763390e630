//! The promises of log-in and sessions, shown over a store in memory.

use super::Status;
use super::accounts::PasswordChange;
use super::testing::{Mortal, Person, World, session_key};
use crate::frame::Fault;
use acquire_crypto::base64;
use acquire_envelope::exception::{Class, Exception};
use acquire_model::uid::Uid;
use acquire_model::{Clock, SecretText};
use futures::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;

fn text(fault: Fault) -> String {
    Exception::from(fault).to_json().to_string()
}

fn class<T>(outcome: Result<T, Fault>) -> Class {
    outcome.err().expect("it is refused").class()
}

fn wrong(person: &Person) -> Person {
    Person { password: SecretText::new("00000000000000000000000000000000"), ..person.clone() }
}

fn nobody(name: &str, person: &Person) -> Person {
    Person { name: name.into(), ..person.clone() }
}

#[tokio::test]
async fn somebody_registers_and_logs_in() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let session = world.request("bob").await;
    assert_eq!(world.status(&session).await, "pending");
    let reply = world.log_in_to(&bob, &session, &world.code(&bob)).await.unwrap();
    assert_eq!(reply, json!({"user_uid": bob.user}), "devices only when asked for");
    let info = world.state.info(&session).await.unwrap();
    assert_eq!((&info["session_status"], &info["user_uid"]), (&json!("approved"), &json!(bob.user)));
    assert_eq!(info["public_cert"], session_key().public().to_data());
    let again = world.log_in_to(&bob, &session, &world.code(&bob)).await;
    assert_eq!(class(again), Class::LoginSessionError, "it does not wait any more");
}

#[tokio::test]
async fn the_provisioning_uri_is_in_the_order_that_the_old_client_reads() {
    let world = World::new().await;
    let uri = world.state.provisioning_uri("Bob Ö/x", &SecretText::new("ABC"));
    let expected = "otpauth://totp/identity%40127.0.0.1:Bob%20%C3%96%2Fx?secret=ABC&issuer=identity%40127.0.0.1";
    assert_eq!(uri.expose(), expected);
}

#[tokio::test]
async fn bad_names_and_passwords_are_refused_and_leave_nothing() {
    let world = World::new().await;
    let good = "fa52effcc90ba374b6e9d287dad0f8ce";
    for name in ["", "ab", &"a".repeat(151), "a\nb", "bob\0"] {
        assert_eq!(class(world.try_register(name, good).await), Class::UsernameError, "{name:?}");
    }
    assert_eq!(class(world.try_register("bob", "weak").await), Class::WeakPassphraseError);
    assert!(world.try_register("ööö", good).await.is_ok(), "characters are counted, not bytes");
    assert!(world.try_register(&"ö".repeat(150), good).await.is_ok());
    assert!(world.try_register("bob", good).await.is_ok());
    assert_eq!(class(world.try_register("bob", good).await), Class::UsernameError);
}

#[tokio::test]
async fn of_many_who_want_a_name_one_gets_it() {
    let world = World::new().await;
    let outcomes = join_all((0..16).map(|_| world.try_register("bob", "fa52effcc90ba374b6e9d287dad0f8ce"))).await;
    let mut winners = outcomes.into_iter().filter_map(Result::ok);
    let winner = winners.next().unwrap();
    assert!(winners.next().is_none());
    world.log_in(&winner).await;
}

#[tokio::test]
async fn every_failure_looks_the_same_and_costs_the_same() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let mut seen = Vec::new();
    for person in [nobody("eve", &bob), wrong(&bob), bob.clone()] {
        let session = world.request(&person.name).await;
        let before = world.hashes();
        let outcome = world.log_in_to(&person, &session, "000000").await;
        seen.push((text(outcome.err().unwrap()), world.hashes() - before));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    assert_eq!(seen[0].1, 1, "one hash each");
    assert!(seen[0].0.contains("UserValidationError"));
}

#[tokio::test]
async fn every_failure_asks_the_store_the_same() {
    let inner = Mortal::new(acquire_store::memory(), false, false);
    let world = World::over(inner.clone(), json!({})).await;
    let bob = world.register("bob").await;
    for name in ["bob", "eve"] {
        // The first failure of a name writes the first version of its tally.
        let session = world.request(name).await;
        world.log_in_to(&wrong(&nobody(name, &bob)), &session, "000000").await.unwrap_err();
    }
    let mut counts = Vec::new();
    for person in [nobody("eve", &bob), wrong(&bob)] {
        let session = world.request(&person.name).await;
        let before = inner.calls();
        world.log_in_to(&person, &session, "000000").await.unwrap_err();
        counts.push(inner.calls() - before);
    }
    // The account of somebody who is not there is listed and not found; one who is there is read with two gets.
    assert!(counts[0].abs_diff(counts[1]) <= 1, "{counts:?}");
}

#[tokio::test]
async fn a_package_for_another_name_or_session_does_not_open() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let session = world.request("bob").await;
    let other = world.request("bob").await;
    let mut arguments = world.login_arguments(&bob, &other, &world.code(&bob));
    arguments["short_uid"] = json!(session.short());
    let outcome = world.state.log_in(&world.arguments(arguments)).await;
    assert_eq!(class(outcome), Class::PermissionError);
    let eve = nobody("eve", &bob);
    assert_eq!(class(world.log_in_to(&eve, &session, "000000").await), Class::PermissionError);
    assert_eq!(
        class(world.log_in_to(&bob, &Uid::draw(&super::testing::Dice::default()), "0").await),
        Class::LoginSessionError
    );
}

#[tokio::test]
async fn a_user_uid_that_is_another_is_refused() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    for (user, good) in
        [(json!(session_uid(7)), false), (json!("x"), false), (json!(bob.user), true), (Value::Null, true)]
    {
        world.clock.advance(60);
        let session = world.request("bob").await;
        let mut arguments = world.login_arguments(&bob, &session, &world.code(&bob));
        arguments["user_uid"] = user.clone();
        let outcome = world.state.log_in(&world.arguments(arguments)).await;
        assert_eq!(outcome.is_ok(), good, "{user}");
    }
}

fn session_uid(n: u8) -> Uid {
    format!("{n:08x}-0000-4000-8000-000000000000").parse().unwrap()
}

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
    let repeated = outcomes.into_iter().filter_map(Result::err).filter(|f| f.class() == Class::RepeatedOTPCodeError);
    assert_eq!(repeated.count(), 63);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_log_ins_to_one_session_one_succeeds() {
    let world = Arc::new(World::over(acquire_store::memory(), json!({"otp_reuse": "allow"})).await);
    let bob = world.register("bob").await;
    let (code, session) = (world.code(&bob), world.request("bob").await);
    let racers = (0..16).map(|_| {
        let (world, bob, code, session) = (world.clone(), bob.clone(), code.clone(), session.clone());
        tokio::spawn(async move { world.log_in_to(&bob, &session, &code).await })
    });
    let won = join_all(racers).await.into_iter().map(Result::unwrap).filter(Result::is_ok).count();
    assert_eq!(won, 1);
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

#[tokio::test]
async fn a_remembered_device_logs_in_with_its_own_secret_and_shows_it_again() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let device = world.remember(&bob).await;
    assert_eq!(device.otp_secret.expose().len(), 32);
    world.log_in(&device).await;
    let again = world.remember(&device).await;
    assert_eq!((again.device, again.otp_secret), (device.device.clone(), device.otp_secret.clone()));
    let mixed = Person { otp_secret: bob.otp_secret.clone(), ..device.clone() };
    world.clock.advance(30);
    assert!(world.try_log_in(&mixed, &world.code(&mixed)).await.is_err(), "the device's code, not the primary one");
    let listed = world.state.devices(&bob.user).await.unwrap();
    assert_eq!(listed[0]["device_uid"].as_str(), device.device.as_deref());
}

#[tokio::test]
async fn a_revoked_device_is_out_and_so_are_the_sessions_it_approved() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let device = world.remember(&bob).await;
    let (by_device, by_bob) = (world.log_in(&device).await, world.log_in(&bob).await);
    let uid: Uid = device.device.clone().unwrap().parse().unwrap();
    for _ in 0..2 {
        world.state.revoke_device(&bob.user, &uid).await.unwrap();
    }
    assert_eq!((world.status(&by_device).await, world.status(&by_bob).await), ("logged_out".into(), "approved".into()));
    world.clock.advance(30);
    assert!(world.try_log_in(&device, &world.code(&device)).await.is_err());
    assert_eq!(world.state.devices(&bob.user).await.unwrap(), json!([]));
}

#[tokio::test]
async fn the_oldest_device_makes_room() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let first = world.remember(&bob).await;
    for _ in 0..20 {
        world.remember(&bob).await;
    }
    assert_eq!(world.state.devices(&bob.user).await.unwrap().as_array().unwrap().len(), 20);
    world.clock.advance(30);
    assert!(world.try_log_in(&first, &world.code(&first)).await.is_err());
}

#[tokio::test]
async fn a_changed_password_forgets_devices_and_ends_the_other_sessions() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let device = world.remember(&bob).await;
    let (mine, other) = (world.log_in(&bob).await, world.log_in(&device).await);
    let next = SecretText::new("11111111111111111111111111111111");
    let change = |operation: &'static str, from: &SecretText| {
        let (world, bob, mine) = (&world, &bob, &mine);
        let (from, to) = (from.clone(), next.clone());
        async move {
            let change = PasswordChange { user: &bob.user, session: mine, operation, from: &from, to: &to };
            world.state.change_password(&change).await
        }
    };
    assert_eq!(class(change("a", &SecretText::new("wrong")).await), Class::UserValidationError);
    for _ in 0..2 {
        change("b", &bob.password).await.unwrap();
    }
    assert_eq!(class(change("c", &bob.password).await), Class::UserValidationError);
    assert_eq!((world.status(&mine).await, world.status(&other).await), ("approved".into(), "logged_out".into()));
    world.clock.advance(30);
    for old in [&bob, &device] {
        assert!(world.try_log_in(old, &world.code(old)).await.is_err());
    }
    world.log_in(&Person { password: next.clone(), ..bob.clone() }).await;
}

#[tokio::test]
async fn a_disabled_user_is_out_until_enabled() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let session = world.log_in(&bob).await;
    world.state.set_status(&bob.user, Status::Disabled).await.unwrap();
    assert_eq!(world.status(&session).await, "logged_out");
    world.clock.advance(30);
    let refusal = text(world.try_log_in(&bob, &world.code(&bob)).await.unwrap_err());
    let unknown = text(world.try_log_in(&nobody("eve", &bob), "000000").await.unwrap_err());
    assert_eq!(refusal, unknown);
    world.state.set_status(&bob.user, Status::Active).await.unwrap();
    world.log_in(&bob).await;
    assert_eq!(class(world.state.set_status(&session_uid(1), Status::Active).await), Class::UserValidationError);
}

#[tokio::test]
async fn sessions_expire() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let (pending, approved) = (world.request("bob").await, world.log_in(&bob).await);
    world.clock.advance(30 * 60);
    assert_eq!(world.status(&pending).await, "denied");
    assert_eq!(class(world.log_in_to(&bob, &pending, &world.code(&bob)).await), Class::LoginSessionError);
    assert_eq!(world.status(&approved).await, "approved");
    world.clock.advance(30 * 86_400);
    assert_eq!(world.status(&approved).await, "logged_out");
}

#[tokio::test]
async fn the_spec_says_how_long_sessions_last() {
    let world = World::over(acquire_store::memory(), json!({"session": {"pending": 60, "approved": 3_600}})).await;
    let bob = world.register("bob").await;
    let pending = world.request("bob").await;
    let approved = world.log_in(&bob).await;
    world.clock.advance(30);
    assert_eq!((world.status(&pending).await, world.status(&approved).await), ("denied".into(), "approved".into()));
    world.clock.advance(3_570);
    assert_eq!(world.status(&approved).await, "logged_out");
}

#[tokio::test]
async fn principals_have_shorter_sessions_and_are_made_once() {
    let world = World::new().await;
    let password = SecretText::new("fa52effcc90ba374b6e9d287dad0f8ce");
    let secret = SecretText::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    let kind = super::Kind::Principal;
    let otp_secret = Some(&secret);
    let newcomer = |password| super::Newcomer { username: "access_principal", password, otp_secret, kind };
    let user = world.state.ensure(&newcomer(&password)).await.unwrap();
    assert_eq!(world.state.ensure(&newcomer(&password)).await.unwrap(), user);
    let principal = Person {
        user: user.clone(),
        name: "access_principal".into(),
        password: password.clone(),
        otp_secret: secret.clone(),
        device: None,
        recovery_codes: Vec::new(),
    };
    let session = world.log_in(&principal).await;
    let next = SecretText::new("11111111111111111111111111111111");
    assert_eq!(world.state.ensure(&newcomer(&next)).await.unwrap(), user, "set up again with a new password");
    assert_eq!(world.status(&session).await, "logged_out");
    let session = world.log_in(&Person { password: next, ..principal }).await;
    world.clock.advance(7 * 86_400);
    assert_eq!(world.status(&session).await, "logged_out");
}

#[tokio::test]
async fn only_pending_sessions_are_found_by_their_short_uid() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let ask = |short: String, status: &str| {
        let arguments = world.arguments(json!({"short_uid": short, "status": status}));
        let world = &world;
        async move { world.state.session_info(&arguments).await }
    };
    let session = world.request("bob").await;
    let dotted = acquire_envelope::url::dotted(session.short());
    for short in [session.short().to_owned(), dotted] {
        let info = ask(short, "pending").await.unwrap();
        assert_eq!(info, json!({"session_status": "pending", "login_message": "hi"}));
    }
    world.log_in_to(&bob, &session, &world.code(&bob)).await.unwrap();
    for word in super::session::WORDS {
        assert_eq!(class(ask(session.short().into(), word).await), Class::LoginSessionError, "{word}");
    }
    assert_eq!(class(ask(session.short().into(), "open").await), Class::ValueError);
    for bad in ["", "zzzzzzzz", "ABCDEF01", "../../..", "abcdef0", "abcdef012"] {
        assert_eq!(class(ask(bad.into(), "pending").await), Class::LoginSessionError, "{bad}");
    }
}

#[tokio::test]
async fn a_session_is_named_in_one_of_two_ways() {
    let world = World::new().await;
    let ask = |arguments: Value| {
        let (state, arguments) = (world.state.clone(), world.arguments(arguments));
        async move { class(state.session_info(&arguments).await) }
    };
    assert_eq!(ask(json!({})).await, Class::PermissionError);
    assert_eq!(ask(json!({"short_uid": "abcdef01"})).await, Class::PermissionError);
    assert_eq!(ask(json!({"session_uid": "no-such-session"})).await, Class::LoginSessionError);
    assert_eq!(ask(json!({"session_uid": session_uid(9)})).await, Class::LoginSessionError);
    assert_eq!(ask(json!({"session_uid": 1})).await, Class::TypeError);
}

#[tokio::test]
async fn rights_that_are_asked_for_are_no_wider_than_the_sessions() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let key = session_key().public().to_data();
    let arguments = json!({
        "username": "bob", "public_key": key, "public_certificate": key,
        "scope": "storage", "permissions": ["read", "list"],
    });
    let session = world.state.request(&world.arguments(arguments)).await.unwrap();
    world.log_in_to(&bob, &session, &world.code(&bob)).await.unwrap();
    let ask = |name: &str, asked: Value| {
        let mut arguments = json!({"session_uid": session});
        arguments[name] = asked;
        let (state, arguments, name) = (world.state.clone(), world.arguments(arguments), name.to_owned());
        async move { state.session_info(&arguments).await.map(|info| info[&name].clone()) }
    };
    assert_eq!(ask("scope", json!("storage")).await.unwrap(), json!("storage"));
    assert_eq!(class(ask("scope", json!("access")).await), Class::PermissionError);
    assert_eq!(ask("permissions", json!(["write", "read"])).await.unwrap(), json!(["read"]));
    assert_eq!(ask("permissions", Value::Null).await.unwrap(), json!(["read", "list"]));
}

#[tokio::test]
async fn a_certificate_can_be_hidden_after_log_out() {
    for hide in [false, true] {
        let world = World::over(acquire_store::memory(), json!({"hide_certificate_after_logout": hide})).await;
        let bob = world.register("bob").await;
        let session = world.log_in(&bob).await;
        world.state.end_session(&session).await.unwrap();
        world.state.end_session(&session).await.unwrap();
        let outcome = world.state.session_info(&world.arguments(json!({"session_uid": session}))).await;
        match hide {
            true => assert_eq!(class(outcome), Class::LoginSessionError),
            false => assert_eq!(outcome.unwrap()["public_cert"], session_key().public().to_data()),
        }
    }
}

#[tokio::test]
async fn a_session_ends_on_its_own_signature_only() {
    let world = World::new().await;
    let session = world.request("bob").await;
    let resource = format!("logout {session}");
    let sign = |text: &str| base64::encode(&session_key().sign(text.as_bytes()).unwrap());
    for (signed, good) in [(resource.as_str(), true), ("logout", false), ("logout x", false)] {
        let outcome = world.state.check_signature(&session, &resource, &sign(signed)).await;
        assert_eq!(outcome.is_ok(), good, "{signed}");
    }
    let junk = world.state.check_signature(&session, &resource, "not base64!").await;
    assert_eq!(class(junk), Class::SignatureVerificationError);
}

#[tokio::test]
async fn a_request_for_a_session_is_bounded() {
    let world = World::new().await;
    let key = session_key().public().to_data();
    let good = json!({"username": "bob", "public_key": key, "public_certificate": key});
    for (name, bad, expected) in [
        ("username", json!(""), Class::PermissionError),
        ("username", json!("a".repeat(151)), Class::PermissionError),
        ("username", Value::Null, Class::KeyError),
        ("username", json!(1), Class::TypeError),
        ("public_key", Value::Null, Class::KeyError),
        ("public_key", json!({}), Class::KeyManipulationError),
        ("public_certificate", json!("AAAA"), Class::KeyManipulationError),
        ("login_message", json!("a".repeat(1_001)), Class::ValueError),
        ("hostname", json!(["a"]), Class::TypeError),
        ("scope", json!("a".repeat(4_001)), Class::ValueError),
        ("permissions", json!(vec![0; 4_001]), Class::ValueError),
    ] {
        let mut arguments = good.clone();
        arguments[name] = bad.clone();
        assert_eq!(class(world.state.request(&world.arguments(arguments)).await), expected, "{name} {bad}");
    }
    for _ in 0..2_000 {
        world.state.budget.take([10, 0, 0, 1].into(), world.clock.monotonic());
    }
    assert_eq!(class(world.state.request(&world.arguments(good)).await), Class::PermissionError);
    assert_eq!(world.from([10, 0, 0, 2]).request("bob").await.short().len(), 8);
}

#[tokio::test]
async fn somebody_may_deny_his_session_and_nobody_else() {
    let world = World::new().await;
    let (bob, eve) = (world.register("bob").await, world.register("eve").await);
    let session = world.request("bob").await;
    let deny = |person: &Person, code: String| {
        let arguments = world.arguments(world.login_arguments(person, &session, &code));
        let state = world.state.clone();
        async move { state.deny(&arguments).await }
    };
    assert!(deny(&eve, world.code(&eve)).await.is_err());
    assert!(deny(&bob, "000000".into()).await.is_err());
    assert_eq!(world.status(&session).await, "pending");
    deny(&bob, world.code(&bob)).await.unwrap();
    assert_eq!(world.status(&session).await, "denied");
}

#[tokio::test]
async fn old_sessions_are_swept_away_and_young_ones_stay() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let (approved, pending) = (world.log_in(&bob).await, world.request("bob").await);
    let sweep =
        || async { join_all((0..2_000).map(|_| world.state.sweep())).await.into_iter().map(Result::unwrap).sum() };
    let swept: u64 = sweep().await;
    assert_eq!(swept, 0);
    world.clock.advance(2 * 86_400);
    let swept: u64 = sweep().await;
    assert_eq!(swept, 1, "nobody approved it");
    assert_eq!(class(world.state.info(&pending).await), Class::LoginSessionError);
    assert_eq!(world.status(&approved).await, "approved");
    world.clock.advance(130 * 86_400);
    let swept: u64 = sweep().await;
    assert_eq!(swept, 1);
    assert_eq!(class(world.state.info(&approved).await), Class::LoginSessionError);
    let left = world.state.store.list(&acquire_store::Key::root("short").unwrap()).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

/// Runs a step in a process that dies at each store call in turn, until it lives long enough.
async fn in_mortal_danger<T, F>(check: impl AsyncFn(&World, Result<T, Fault>), step: F)
where
    F: AsyncFn(&World, &Person, u64) -> Result<T, Fault>,
{
    for (answer_lost, once) in [(false, false), (true, false), (false, true)] {
        let inner = acquire_store::memory();
        let safe = World::over(inner.clone(), json!({})).await;
        let bob = safe.register("bob").await;
        for k in 0.. {
            assert!(k < 200, "it never ends");
            let mortal = Mortal::new(inner.clone(), answer_lost, once);
            let world = safe.over_objects(mortal.clone()).await;
            safe.clock.advance(60);
            mortal.dies_after(k);
            let outcome = step(&world, &bob, k).await;
            let done = outcome.is_ok() && mortal.is_alive();
            check(&safe.restarted().await, outcome).await;
            if done {
                break;
            }
        }
    }
}

#[tokio::test]
async fn whoever_was_told_that_he_is_registered_is_wherever_the_process_dies() {
    in_mortal_danger(
        async |world, outcome: Result<Person, Fault>| {
            if let Ok(person) = outcome {
                world.log_in(&person).await;
            }
            let names = acquire_store::Key::root("users").unwrap().child("names").unwrap();
            // Told or not, every name that is taken is a whole account.
            for place in world.state.store.list(&names).await.unwrap() {
                let name: super::record::Name = world.state.store.get(&place).await.unwrap().unwrap();
                assert!(world.state.account(&name.user).await.is_ok());
            }
        },
        async |world, _, k| {
            world.try_register(&format!("user-{k}-{}", world.hashes()), "fa52effcc90ba374b6e9d287dad0f8ce").await
        },
    )
    .await;
}

#[tokio::test]
async fn whoever_was_told_that_he_is_logged_in_is_wherever_the_process_dies() {
    in_mortal_danger(
        async |world, outcome: Result<Uid, Fault>| {
            if let Ok(session) = outcome {
                assert_eq!(world.status(&session).await, "approved");
            }
        },
        async |world, bob, _| {
            let key = session_key().public().to_data();
            let wanted = json!({"username": "bob", "public_key": key, "public_certificate": key});
            let session = world.state.request(&world.arguments(wanted)).await?;
            world.log_in_to(bob, &session, &world.code(bob)).await.map(|_| session)
        },
    )
    .await;
}
