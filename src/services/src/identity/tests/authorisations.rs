//! What an authorisation is good for, and how often.

use super::*;

#[tokio::test]
async fn an_authorisation_holds_only_for_what_was_signed() {
    let world = deployment().await;
    let bob = register(&world, "bob").await;
    let holder = log_in(&world, &bob).await;
    let good = world.authorise(&holder, "list_devices");
    assert!(devices(&world, good.clone()).await.is_ok());
    assert!(devices(&world, good.clone()).await.is_ok(), "what only reads is not burnt");
    let with = |name: &str, value: Value| {
        let mut authorisation = good.clone();
        authorisation[name] = value;
        authorisation
    };
    let signed_by = |key| {
        let uid = DatedUid::draw(world.entropy(), world.clock.now());
        Authorisation::sign(key, &holder, uid, Some("list_devices")).unwrap().to_json()
    };
    assert!(devices(&world, signed_by(session_key())).await.is_ok());
    world.clock.advance(1);
    let other = world.authorise(&holder, "list_devices");
    for (what, bad) in [
        ("absent", Value::Null),
        ("empty", json!({})),
        ("no object", json!("bob")),
        ("another key", signed_by(caller_key())),
        ("another resource", world.authorise(&holder, "list_devices ")),
        ("another user", with("user_uid", json!(Uid::draw(world.entropy())))),
        ("another identity", with("identity_uid", json!("a0-a0"))),
        ("an unknown identity", with("identity_uid", json!("a0-z9"))),
        ("another url", with("identity_url", json!("example.org/t/identity"))),
        ("another signature", with("signature", other["signature"].clone())),
        ("another siguid", with("siguid", other["siguid"].clone())),
        ("another uid", with("uid", other["uid"].clone())),
        ("no signature", with("signature", json!(""))),
    ] {
        assert_eq!(class(devices(&world, bad).await), Class::PermissionError, "{what}");
    }
    let nowhere = with("session_uid", json!(Uid::draw(world.entropy())));
    assert_eq!(class(devices(&world, nowhere).await), Class::LoginSessionError);
    assert!(devices(&world, with("is_testing", json!(true))).await.is_ok(), "it has no effect");
    let mut forged = with("is_testing", json!(true));
    forged["signature"] = json!("AAAA");
    assert_eq!(class(devices(&world, forged).await), Class::PermissionError);
    let pending = Holder { session_uid: request(&world, "bob", json!({})).await.0, ..holder.clone() };
    assert_eq!(class(devices(&world, world.authorise(&pending, "list_devices")).await), Class::PermissionError);
}

#[tokio::test]
async fn an_authorisation_holds_for_two_hours_and_not_again_the_next_day() {
    let world = deployment().await;
    let holder = log_in(&world, &register(&world, "bob").await).await;
    let signed_at = |seconds: i64| {
        let uid = DatedUid::draw(world.entropy(), world.clock.now().plus_seconds(seconds));
        Authorisation::sign(session_key(), &holder, uid, Some("list_devices")).unwrap().to_json()
    };
    assert!(devices(&world, signed_at(29)).await.is_ok());
    assert_eq!(class(devices(&world, signed_at(31)).await), Class::PermissionError, "too far ahead");
    assert_eq!(class(devices(&world, signed_at(-60)).await), Class::PermissionError, "before the session was approved");
    let authorisation = signed_at(0);
    world.clock.advance(7_199);
    assert!(devices(&world, authorisation.clone()).await.is_ok());
    world.clock.advance(60);
    assert_eq!(class(devices(&world, authorisation.clone()).await), Class::PermissionError);
    world.clock.advance(25 * 3_600 - 7_259);
    assert_eq!(class(devices(&world, authorisation).await), Class::PermissionError, "25 hours old");
}

#[tokio::test]
async fn what_was_signed_before_log_out_holds_and_after_it_does_not() {
    let world = deployment().await;
    let holder = log_in(&world, &register(&world, "bob").await).await;
    let before = world.authorise(&holder, "list_devices");
    world.clock.advance(10);
    let logout = json!({
        "session_uid": holder.session_uid,
        "authorisation": world.authorise(&holder, &format!("logout {}", holder.session_uid)),
    });
    world.call(Identity, Some("logout"), &logout).await.unwrap();
    world.clock.advance(10);
    assert!(devices(&world, before).await.is_ok());
    assert_eq!(class(devices(&world, world.authorise(&holder, "list_devices")).await), Class::PermissionError);
}

#[tokio::test]
async fn a_burnt_authorisation_answers_the_same_call_and_no_other() {
    let world = deployment().await;
    let holder = log_in(&world, &register(&world, "bob").await).await;
    let device = Uid::draw(world.entropy());
    let authorisation = world.authorise(&holder, &format!("revoke_device {device}"));
    let call = json!({"authorisation": authorisation, "device_uid": device});
    for _ in 0..3 {
        assert_eq!(world.call(Identity, Some("revoke_device"), &call).await.unwrap(), Value::Null);
    }
    let mut other = call.clone();
    other["more"] = json!(1);
    assert_eq!(class(world.call(Identity, Some("revoke_device"), &other).await), Class::PermissionError);
    let reset = world.authorise(&holder, "reset_otp");
    let call = json!({"authorisation": reset, "reset_otp": true});
    let first = world.call(Identity, Some("recover_otp"), &call).await.unwrap();
    assert_eq!(world.call(Identity, Some("recover_otp"), &call).await.unwrap(), first);
    let otherwise = json!({"authorisation": reset, "reset_otp": "yes"});
    assert_eq!(class(world.call(Identity, Some("recover_otp"), &otherwise).await), Class::PermissionError);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_parallel_re_sends_one_has_an_effect_and_all_have_the_same_answer() {
    let world = deployment().await;
    let bob = register(&world, "bob").await;
    let holder = log_in(&world, &bob).await;
    let call = json!({"authorisation": world.authorise(&holder, "reset_otp"), "reset_otp": true});
    let racers = (0..64).map(|_| {
        let (service, call) = (world.node(Identity).service(), call.clone());
        tokio::spawn(async move { service.invoke("recover_otp", call).await })
    });
    let answers: Vec<Value> = join_all(racers).await.into_iter().map(|answer| answer.unwrap().unwrap()).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(answers[0]["result"], json!([holder.user_uid, true]));
    let secret = SecretText::new(answers[0]["otpsecret"].as_str().unwrap());
    world.clock.advance(30);
    let (session, _) = request(&world, "bob", json!({})).await;
    assert!(log_in_to(&world, &bob, &session).await.is_err(), "the old secret is void");
    assert!(log_in_to(&world, &Person { otp_secret: secret, ..bob }, &session).await.is_ok());
}

#[tokio::test]
async fn a_call_that_was_killed_anywhere_is_finished_when_it_is_sent_again() {
    let mut world = deployment().await;
    let bob = register(&world, "bob").await;
    let objects = world.node(Identity).objects.clone();
    for answer_lost in [false, true] {
        for k in 0.. {
            assert!(k < 200, "it never ends");
            let holder = log_in(&world, &bob).await;
            let call = json!({"authorisation": world.authorise(&holder, "reset_otp"), "reset_otp": true});
            let mortal = Mortal::new(objects.clone(), answer_lost, false);
            world.place(Identity, &url(Identity), mortal.clone(), Attributes::new()).await;
            devices(&world, world.authorise(&holder, "list_devices")).await.unwrap();
            mortal.dies_after(k);
            let first = world.call(Identity, Some("recover_otp"), &call).await;
            let lived = mortal.is_alive();
            world.place(Identity, &url(Identity), objects.clone(), Attributes::new()).await;
            let again = world.call(Identity, Some("recover_otp"), &call).await.unwrap();
            if let Ok(first) = first {
                assert_eq!(first, again, "whatever was answered stays");
            }
            let secret = SecretText::new(again["otpsecret"].as_str().unwrap());
            let person = Person { otp_secret: secret, ..bob.clone() };
            world.clock.advance(30);
            log_in(&world, &person).await;
            // Back to the secret that the next round logs in with.
            restore(&world, &person, &bob).await;
            if lived {
                break;
            }
        }
    }
}

/// Gives somebody his first secret back, as set-up would.
async fn restore(world: &Deployment, now: &Person, first: &Person) {
    assert_eq!(now.name, first.name);
    let (password, otp_secret) = (&first.password, Some(&first.otp_secret));
    let newcomer =
        crate::users::Newcomer { username: &first.name, password, otp_secret, kind: crate::users::Kind::Person };
    crate::users::ensure(world.node(Identity).cx(), &newcomer).await.unwrap();
    world.clock.advance(60);
}

#[tokio::test]
async fn an_authorisation_that_is_altered_anywhere_is_refused() {
    let world = deployment().await;
    let holder = log_in(&world, &register(&world, "bob").await).await;
    let service = world.node(Identity).service();
    let good = world.authorise(&holder, "list_devices");
    let ask = |authorisation: Value| {
        let service = service.clone();
        async move { service.invoke("list_devices", json!({"authorisation": authorisation})).await.is_ok() }
    };
    assert!(ask(good.clone()).await);
    let mut tried = 0;
    for (name, value) in good.as_object().unwrap() {
        let mut less = good.clone();
        less.as_object_mut().unwrap().remove(name);
        let mut bad = vec![less];
        for wrong in [Value::Null, json!(1), json!([]), json!({}), json!("")] {
            let mut other = good.clone();
            other[name] = wrong;
            bad.push(other);
        }
        let text = value.as_str().unwrap();
        let is_signature = name.starts_with("sig");
        for (at, old) in text.char_indices() {
            let new = if old == 'a' || old == '0' { "b" } else { "a" };
            let altered = format!("{}{new}{}", &text[..at], &text[at + old.len_utf8()..]);
            // The last letter of base64 has bits that mean nothing.
            if !is_signature || base64::decode(&altered) != base64::decode(text) {
                let mut other = good.clone();
                other[name] = json!(altered);
                bad.push(other);
            }
        }
        for bad in bad {
            assert!(!ask(bad.clone()).await, "{name}: {bad}");
            tried += 1;
        }
    }
    assert!(tried > 800, "{tried}");
}

#[tokio::test]
async fn every_function_that_asks_for_an_authorisation_refuses_whoever_has_none_or_another() {
    let world = deployment().await;
    let holder = log_in(&world, &register(&world, "bob").await).await;
    let tables = [crate::identity::FUNCTIONS, crate::users::FUNCTIONS, crate::common::FUNCTIONS];
    let mut tried = 0;
    for function in tables.into_iter().flatten() {
        if !matches!(function.proof, Proof::User(_) | Proof::Admin(_)) {
            continue;
        }
        assert!(!function.plain, "{}", function.name);
        let arguments = json!({
            "device_uid": Uid::draw(world.entropy()), "user_uid": holder.user_uid, "status": "active",
            "service_url": url(Registry), "service_uid": "a0-a0",
        });
        for authorisation in [Value::Null, json!({}), world.authorise(&holder, "something else")] {
            let mut arguments = arguments.clone();
            arguments["authorisation"] = authorisation;
            let outcome = world.call(Identity, Some(function.name), &arguments).await;
            assert!(outcome.is_err(), "{}", function.name);
            tried += 1;
        }
        let anonymous = world.call(Identity, Some(function.name), &arguments).await;
        assert_eq!(class(anonymous), Class::PermissionError, "{}", function.name);
    }
    assert!(tried >= 3 * 8, "{tried}");
}
