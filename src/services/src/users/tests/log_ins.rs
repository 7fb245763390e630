//! Who registers, logs in and out, with which devices and for how long.

use super::*;
use crate::frame::testing::{Deployment, Layout};
use crate::users::record::Account;
use acquire_crypto::base64;
use acquire_model::ServiceType::{Identity, Registry};
use futures::future::join_all;
use std::net::IpAddr;
use std::sync::Arc;

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
    assert_eq!(class(world.log_in_to(&bob, &Uid::draw(&TestEntropy::default()), "0").await), Class::LoginSessionError);
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
    world.state.set_status(&bob.user, Status::Disabled, world.clock.now()).await.unwrap();
    assert_eq!(world.status(&session).await, "logged_out");
    world.clock.advance(30);
    let refusal = text(world.try_log_in(&bob, &world.code(&bob)).await.unwrap_err());
    let unknown = text(world.try_log_in(&nobody("eve", &bob), "000000").await.unwrap_err());
    assert_eq!(refusal, unknown);
    world.state.set_status(&bob.user, Status::Active, world.clock.now()).await.unwrap();
    world.log_in(&bob).await;
    assert_eq!(
        class(world.state.set_status(&session_uid(1), Status::Active, world.clock.now()).await),
        Class::UserValidationError
    );
}

#[tokio::test]
async fn an_admin_who_is_disabled_is_none_even_while_a_session_lives() {
    let world = Deployment::set_up(Layout::Together, &[Registry, Identity]).await;
    let (cx, admin) = (world.node(Identity).cx(), world.log_in(Identity).await);
    let keep = async || {
        let call = json!({"authorisation": world.authorise(&admin, "dump_keys a0-a1")});
        world.call(Identity, Some("dump_keys"), &call).await
    };
    keep().await.unwrap();
    // As if the process had died before it ended the sessions.
    let disable = |account: &Account| Ok(Some(Account { status: Status::Disabled, ..account.clone() }));
    cx.users.change_account(&admin.user_uid, disable).await.unwrap();
    assert_eq!(cx.users.info(&admin.session_uid).await.unwrap()["session_status"], "approved");
    assert_eq!(keep().await.unwrap_err().class, Class::AuthorisationError);
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
    let kind = Kind::Principal;
    let otp_secret = Some(&secret);
    let newcomer = |password| Newcomer { username: "access_principal", password, otp_secret, kind };
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
        let asked = json!({
            "session_status": "pending",
            "login_message": "hi",
            "expires": world.clock.now().plus_seconds(30 * 60),
            "username": "bob",
            "address": "10.0.0.1",
            "hostname": null,
        });
        assert_eq!(info, asked);
    }
    world.log_in_to(&bob, &session, &world.code(&bob)).await.unwrap();
    for word in crate::users::session::WORDS {
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
        world.state.budget.take(IpAddr::from([10, 0, 0, 1]), world.clock.monotonic());
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

#[tokio::test]
async fn old_tallies_are_swept_away_and_young_ones_stay() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let tallies = async || world.store().list(&acquire_store::Key::root("tallies").unwrap()).await.unwrap().len();
    let sweep = async || {
        for _ in 0..3_000 {
            world.state.sweep().await.unwrap();
        }
    };
    world.try_log_in(&wrong(&bob), "000000").await.unwrap_err();
    assert_eq!(tallies().await, 4, "of the name, the address, everybody, and one in vain");
    sweep().await;
    assert_eq!(tallies().await, 4);
    world.clock.advance(86_401);
    sweep().await;
    assert_eq!(tallies().await, 0);
    world.try_log_in(&wrong(&bob), "000000").await.unwrap_err();
    assert_eq!(tallies().await, 4, "counting begins anew");
}

#[tokio::test]
async fn one_address_registers_so_many_users_and_those_without_one_share_a_budget() {
    let world = World::new().await;
    let nowhere = world.nowhere();
    for world in [&world, &nowhere] {
        for _ in 0..200 {
            assert_eq!(class(world.try_register("ab", "weak").await), Class::UsernameError);
        }
        assert_eq!(class(world.try_register("ab", "weak").await), Class::PermissionError);
    }
    world.from([10, 0, 0, 2]).register("bob").await;
    world.clock.advance(30 * 60);
    nowhere.register("eve").await;
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
                let name: crate::users::record::Name = world.state.store.get(&place).await.unwrap().unwrap();
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
