//! The promises of log-in, log-out and authorisations, shown over whole calls in a deployment in memory.

use crate::authorise::{Demand, Right, verify};
use crate::frame::Proof;
use crate::frame::testing::{Deployment, Layout, ask, caller_key, session_key, url};
use crate::users::testing::{Mortal, Person};
use acquire_crypto::base64;
use acquire_envelope::authorisation::{Authorisation, Holder};
use acquire_envelope::credentials;
use acquire_envelope::{Class, Exception};
use acquire_model::uid::{DatedUid, Uid};
use acquire_model::{Attributes, Clock, SecretText, ServiceType};
use acquire_provider::http::Method;
use futures::future::join_all;
use serde_json::{Value, json};

use ServiceType::{Identity, Registry, Storage};

/// What an authorisation is good for, and how often.
mod authorisations;

async fn deployment() -> Deployment {
    Deployment::set_up(Layout::Together, &[Registry, Identity]).await
}

async fn register(world: &Deployment, name: &str) -> Person {
    let uid = world.node(Identity).cx().uid().unwrap();
    let password = credentials::encode_password(&uid, &SecretText::new("correct horse"));
    let arguments = json!({"username": name, "password": password.expose()});
    let reply = world.call(Identity, Some("register"), &arguments).await.unwrap();
    let uri = reply["provisioning_uri"].as_str().unwrap();
    let secret = uri.split("secret=").nth(1).unwrap().split('&').next().unwrap();
    let recovery_codes: Vec<String> = serde_json::from_value(reply["recovery_codes"].clone()).unwrap();
    Person {
        user: reply["user_uid"].as_str().unwrap().parse().unwrap(),
        name: name.into(),
        password,
        otp_secret: SecretText::new(secret),
        device: None,
        recovery_codes: recovery_codes.into_iter().map(SecretText::new).collect(),
    }
}

async fn request(world: &Deployment, name: &str, more: Value) -> (Uid, Value) {
    let mut wanted = json!({
        "username": name,
        "public_key": caller_key().public().to_data(),
        "public_certificate": session_key().public().to_data(),
        "login_message": "small cows stand happily",
    });
    wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let asked = world.call(Identity, Some("request_login"), &wanted).await.unwrap();
    (asked["session_uid"].as_str().unwrap().parse().unwrap(), asked)
}

async fn log_in_to(world: &Deployment, person: &Person, session: &Uid) -> Result<Holder, Exception> {
    let mut login = person.login(session, &person.code(world.clock.now()), world.entropy());
    login["user_uid"] = Value::Null;
    login["remember_device"] = Value::Null;
    let approved = world.call(Identity, Some("login"), &login).await?;
    let cx = world.node(Identity).cx();
    Ok(Holder {
        user_uid: approved["user_uid"].as_str().unwrap().parse().unwrap(),
        session_uid: session.clone(),
        identity_url: cx.canonical_url.clone(),
        identity_uid: cx.uid().unwrap(),
    })
}

async fn log_in(world: &Deployment, person: &Person) -> Holder {
    world.clock.advance(30);
    let (session, _) = request(world, &person.name, json!({})).await;
    log_in_to(world, person, &session).await.unwrap()
}

fn class(outcome: Result<Value, Exception>) -> Class {
    outcome.expect_err("it is refused").class
}

async fn devices(world: &Deployment, authorisation: Value) -> Result<Value, Exception> {
    world.call(Identity, Some("list_devices"), &json!({"authorisation": authorisation})).await
}

async fn status(world: &Deployment, session: &Uid) -> String {
    let info = world.call_plain(Identity, Some("get_session_info"), &json!({"session_uid": session})).await.unwrap();
    info["session_status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_user_registers_logs_in_signs_and_logs_out() {
    let world = deployment().await;
    let bob = register(&world, "bob").await;
    assert_eq!(bob.recovery_codes.len(), 10);
    let (session, asked) = request(&world, "bob", json!({})).await;
    let dotted = acquire_envelope::url::dotted(session.short());
    let uid = world.node(Identity).cx().uid().unwrap();
    assert_eq!(asked["login_url"], format!("{}?id={uid}/{dotted}", url(Identity)));
    assert_eq!(asked["short_uid"], session.short());
    let holder = log_in_to(&world, &bob, &session).await.unwrap();
    let reply = devices(&world, world.authorise(&holder, "list_devices")).await.unwrap();
    assert_eq!(reply, json!({"devices": []}));
    let authorisation = world.authorise(&holder, &format!("logout {session}"));
    let logout = json!({"session_uid": session, "authorisation": authorisation});
    assert_eq!(world.call(Identity, Some("logout"), &logout).await.unwrap(), Value::Null);
    assert_eq!(status(&world, &session).await, "logged_out");
}

#[tokio::test]
async fn registering_is_the_identity_services_alone_and_names_are_unique() {
    let world = Deployment::start(Layout::Together, &[Registry, Identity]).await;
    let arguments = json!({"username": "bob", "password": "fa52effcc90ba374b6e9d287dad0f8ce"});
    let early = world.call(Identity, Some("register"), &arguments).await;
    assert_eq!(class(early), Class::ServiceAccountError, "without a uid no password can be encoded");
    for service in [Registry, Identity] {
        world.set_up_one(service).await.unwrap();
    }
    assert!(world.call(Identity, Some("register"), &arguments).await.is_ok());
    assert_eq!(class(world.call(Identity, Some("register"), &arguments).await), Class::UsernameError);
    assert_eq!(class(world.call(Identity, Some("admin/register"), &arguments).await), Class::LookupError);
    assert_eq!(class(world.call(Registry, Some("register"), &arguments).await), Class::LookupError);
    assert_eq!(class(world.call_plain(Identity, Some("register"), &arguments).await), Class::PermissionError);
    let missing = json!({"username": "eve"});
    assert_eq!(class(world.call(Identity, Some("register"), &missing).await), Class::KeyError);
}

#[tokio::test]
async fn logging_out_needs_a_proof_that_holds() {
    let world = deployment().await;
    let (bob, eve) = (register(&world, "bob").await, register(&world, "eve").await);
    let (holder, stranger) = (log_in(&world, &bob).await, log_in(&world, &eve).await);
    let session = holder.session_uid.clone();
    let resource = format!("logout {session}");
    let logout = |mut proof: Value| {
        proof["session_uid"] = json!(session);
        let world = &world;
        async move { world.call(Identity, Some("logout"), &proof).await }
    };
    let sign = |text: &str| base64::encode(&session_key().sign(text.as_bytes()).unwrap());
    assert_eq!(class(logout(json!({})).await), Class::PermissionError);
    assert_eq!(class(logout(json!({"authorisation": {}})).await), Class::PermissionError);
    let theirs = world.authorise(&stranger, &resource);
    assert_eq!(class(logout(json!({"authorisation": theirs})).await), Class::PermissionError);
    let other = world.authorise(&holder, "logout something else");
    assert_eq!(class(logout(json!({"authorisation": other})).await), Class::PermissionError);
    assert_eq!(class(logout(json!({"signature": sign("logout")})).await), Class::SignatureVerificationError);
    let mixed = json!({"signature": sign("logout"), "authorisation": world.authorise(&holder, &resource)});
    assert_eq!(class(logout(mixed).await), Class::SignatureVerificationError, "every proof that is given must hold");
    assert_eq!(status(&world, &session).await, "approved");
    assert!(logout(json!({"signature": sign(&resource)})).await.is_ok());
    assert_eq!(status(&world, &session).await, "logged_out");
    world.clock.advance(60);
    assert!(logout(json!({"authorisation": world.authorise(&holder, &resource)})).await.is_ok(), "twice is once");
    let nowhere = json!({"session_uid": Uid::draw(world.entropy()), "signature": sign(&resource)});
    assert_eq!(class(world.call(Identity, Some("logout"), &nowhere).await), Class::LoginSessionError);
}

#[tokio::test]
async fn a_pending_session_is_logged_out_by_its_signature() {
    let world = deployment().await;
    let (session, _) = request(&world, "bob", json!({})).await;
    let signature = base64::encode(&session_key().sign(format!("logout {session}").as_bytes()).unwrap());
    let logout = json!({"session_uid": session, "signature": signature});
    assert!(world.call(Identity, Some("logout"), &logout).await.is_ok());
    let info = world.call(Identity, Some("get_session_info"), &json!({"session_uid": session})).await.unwrap();
    assert_eq!((&info["session_status"], &info["user_uid"]), (&json!("logged_out"), &Value::Null));
}

#[tokio::test]
async fn a_new_secret_needs_a_fresh_session_of_this_service() {
    let world = deployment().await;
    let holder = log_in(&world, &register(&world, "bob").await).await;
    let ask = |reset: Value, authorisation: Value| {
        let (call, world) = (json!({"authorisation": authorisation, "reset_otp": reset}), &world);
        async move { world.call(Identity, Some("recover_otp"), &call).await }
    };
    assert_eq!(class(world.call(Identity, Some("recover_otp"), &json!({})).await), Class::KeyError);
    let look = ask(json!(false), world.authorise(&holder, "reset_otp")).await.unwrap();
    assert_eq!(look, json!({"result": [holder.user_uid, false], "devices": []}));
    let admin = world.log_in(Registry).await;
    let foreign = ask(json!(true), world.authorise(&admin, "reset_otp")).await;
    assert_eq!(class(foreign), Class::PermissionError);
    world.clock.advance(16 * 60);
    let stale = ask(json!(true), world.authorise(&holder, "reset_otp")).await;
    assert_eq!(class(stale), Class::PermissionError);
}

#[tokio::test]
async fn a_recovery_whose_answer_was_lost_is_answered_the_same_when_it_is_sent_again() {
    let mut world = deployment().await;
    let bob = register(&world, "bob").await;
    let holder = log_in(&world, &bob).await;
    let to = world.provisioned(Identity);
    let signed = json!({"authorisation": world.authorise(&holder, "reset_otp"), "reset_otp": true});
    let code =
        json!({"username": "bob", "password": bob.password.expose(), "recovery_code": bob.recovery_codes[0].expose()});
    for call in [&signed, &code] {
        let sealed = world.seal(&to, Some("recover_otp"), call);
        let first = world.send(&to, &sealed).await.unwrap();
        assert_eq!(world.send(&to, &sealed).await.unwrap(), first);
        world.restart(Identity, Attributes::new()).await;
        assert_eq!(world.send(&to, &sealed).await.unwrap(), first, "also by another process");
        let secret = SecretText::new(first["otpsecret"].as_str().unwrap());
        log_in(&world, &Person { otp_secret: secret, ..bob.clone() }).await;
    }
    let sealed = world.seal(&to, Some("recover_otp"), &code);
    for _ in 0..2 {
        assert_eq!(class(world.send(&to, &sealed).await), Class::UserValidationError, "another call with a used code");
    }
}

#[tokio::test]
async fn an_admin_approves_the_recovery_of_somebody_who_has_lost_everything() {
    let world = deployment().await;
    let bob = register(&world, "bob").await;
    let user = log_in(&world, &bob).await;
    let resource = format!("approve_otp_recovery {}", user.user_uid);
    let approve = |holder: Holder| {
        let call = json!({"authorisation": world.authorise(&holder, &resource), "user_uid": user.user_uid});
        let world = &world;
        async move { world.call(Identity, Some("approve_otp_recovery"), &call).await }
    };
    assert_eq!(class(approve(user.clone()).await), Class::AuthorisationError, "nobody approves his own");
    let approved = approve(world.log_in(Identity).await).await.unwrap();
    let recover = async |password: &SecretText| {
        let code = &approved["recovery_code"];
        let call = json!({"username": "bob", "password": password.expose(), "recovery_code": code});
        world.call(Identity, Some("recover_otp"), &call).await
    };
    let guessed = SecretText::new("0123456789abcdef0123456789abcdef");
    assert_eq!(class(recover(&guessed).await), Class::UserValidationError, "the admin has no password");
    let secret = recover(&bob.password).await.unwrap()["otpsecret"].as_str().map(SecretText::new).unwrap();
    assert_eq!(class(recover(&bob.password).await), Class::UserValidationError, "once");
    log_in(&world, &Person { otp_secret: secret, ..bob }).await;
}

#[tokio::test]
async fn the_word_that_was_signed_last_says_whether_a_user_may_log_in() {
    let world = deployment().await;
    let bob = register(&world, "bob").await;
    let (user, admin) = (log_in(&world, &bob).await.user_uid, world.log_in(Identity).await);
    let sign = |status: &str| {
        world.clock.advance(1);
        let authorisation = world.authorise(&admin, &format!("set_user_status {user} {status}"));
        json!({"authorisation": authorisation, "user_uid": user, "status": status})
    };
    let [disabled, active, disabled_again] = ["disabled", "active", "disabled"].map(sign);
    let set = async |call: &Value| world.call(Identity, Some("set_user_status"), call).await;
    set(&disabled_again).await.unwrap();
    assert_eq!(class(set(&active).await), Class::PermissionError, "it comes late");
    set(&disabled).await.unwrap();
    let (session, _) = request(&world, "bob", json!({})).await;
    assert!(log_in_to(&world, &bob, &session).await.is_err(), "he is still disabled");
    set(&sign("active")).await.unwrap();
    log_in(&world, &bob).await;
}

#[tokio::test]
async fn only_an_admin_of_this_very_service_changes_the_status_of_users() {
    let world = deployment().await;
    let bob = register(&world, "bob").await;
    let holder = log_in(&world, &bob).await;
    let set = |who: Holder, status: &'static str| {
        let user = holder.user_uid.clone();
        let world = &world;
        async move {
            let authorisation = world.authorise(&who, &format!("set_user_status {user} {status}"));
            let call = json!({"authorisation": authorisation, "user_uid": user, "status": status});
            world.call(Identity, Some("set_user_status"), &call).await
        }
    };
    assert_eq!(class(set(holder.clone(), "disabled").await), Class::AuthorisationError);
    let elsewhere = world.log_in(Registry).await;
    assert_eq!(class(set(elsewhere, "disabled").await), Class::AuthorisationError);
    let admin = world.log_in(Identity).await;
    assert_eq!(class(set(admin.clone(), "gone").await), Class::ValueError);
    assert!(set(admin.clone(), "disabled").await.is_ok());
    assert_eq!(status(&world, &holder.session_uid).await, "logged_out");
    world.clock.advance(30);
    let (session, _) = request(&world, "bob", json!({})).await;
    assert_eq!(log_in_to(&world, &bob, &session).await.unwrap_err().class, Class::UserValidationError);
    assert!(set(admin, "active").await.is_ok());
    log_in(&world, &bob).await;
}

#[tokio::test]
async fn a_password_is_changed_by_its_owner() {
    let world = deployment().await;
    let bob = register(&world, "bob").await;
    let (holder, other) = (log_in(&world, &bob).await, log_in(&world, &bob).await);
    let next = SecretText::new("0123456789abcdef0123456789abcdef");
    let call = json!({
        "authorisation": world.authorise(&holder, "change_password"),
        "password": bob.password.expose(),
        "new_password": next.expose(),
    });
    for _ in 0..2 {
        assert_eq!(world.call(Identity, Some("change_password"), &call).await.unwrap(), Value::Null);
    }
    assert_eq!(status(&world, &holder.session_uid).await, "approved");
    assert_eq!(status(&world, &other.session_uid).await, "logged_out");
    log_in(&world, &Person { password: next, ..bob }).await;
}

#[tokio::test]
async fn a_limited_session_does_what_it_is_limited_to_and_can_always_end() {
    let world = deployment().await;
    let bob = register(&world, "bob").await;
    for (limits, may_read, may_write) in [
        (json!({"scope": "identity", "permissions": ["read"]}), true, false),
        (json!({"scope": ["storage"]}), false, false),
        (json!({"permissions": "write"}), true, true),
    ] {
        world.clock.advance(30);
        let (session, _) = request(&world, "bob", limits.clone()).await;
        let holder = log_in_to(&world, &bob, &session).await.unwrap();
        let read = devices(&world, world.authorise(&holder, "list_devices")).await;
        assert_eq!(read.is_ok(), may_read, "{limits}");
        let device = Uid::draw(world.entropy());
        let authorisation = world.authorise(&holder, &format!("revoke_device {device}"));
        let call = json!({"authorisation": authorisation, "device_uid": device});
        assert_eq!(world.call(Identity, Some("revoke_device"), &call).await.is_ok(), may_write, "{limits}");
        let authorisation = world.authorise(&holder, &format!("logout {session}"));
        let logout = json!({"session_uid": session, "authorisation": authorisation});
        assert!(world.call(Identity, Some("logout"), &logout).await.is_ok(), "{limits}");
    }
}

#[tokio::test]
async fn another_service_asks_the_holder_believes_it_for_30_seconds_and_only_if_it_trusts_it() {
    let world = Deployment::set_up(Layout::Apart, &[Registry, Identity, Storage]).await;
    let holder = log_in(&world, &register(&world, "bob").await).await;
    let storage = world.node(Storage).cx();
    let check = |authorisation: Value| async move {
        let demand = Demand { resource: "UserDrives", right: Some(Right::Read), ends: None };
        verify(storage, Some(&authorisation), &demand).await.map_err(|fault| fault.class())
    };
    let sign = || world.authorise(&holder, "UserDrives");
    assert_eq!(check(sign()).await.unwrap_err(), Class::PermissionError, "not introduced");
    let identity = world.node(Identity).cx().keys.ring().record().unwrap();
    crate::trusted::trust(storage, &holder.identity_uid, (&identity, world.clock.now())).await.unwrap();
    let caller = check(sign()).await.unwrap();
    assert_eq!((&caller.user, &caller.identity), (&holder.user_uid, &holder.identity_uid));
    let before = world.network.posted.lock().unwrap().len();
    for _ in 0..5 {
        check(sign()).await.unwrap();
    }
    assert_eq!(world.network.posted.lock().unwrap().len(), before, "the session was asked for once");
    let early = sign();
    world.clock.advance(5);
    let authorisation = world.authorise(&holder, &format!("logout {}", holder.session_uid));
    let logout = json!({"session_uid": holder.session_uid, "authorisation": authorisation});
    world.call(Identity, Some("logout"), &logout).await.unwrap();
    world.clock.advance(30);
    assert_eq!(check(sign()).await.unwrap_err(), Class::PermissionError, "it was signed after the session ended");
    assert!(check(early).await.is_ok(), "it was signed before");
    world.network.set_down(&url(Identity), true);
    world.clock.advance(30);
    assert!(check(sign()).await.is_err(), "nobody can say");
}

#[tokio::test]
async fn the_login_url_answers_with_a_page_that_says_who_asks() {
    let world = deployment().await;
    let more = json!({"login_message": "<b>small</b> cows", "hostname": "notebook"});
    let (session, asked) = request(&world, "bob", more).await;
    let query = asked["login_url"].as_str().unwrap().split('?').nth(1).unwrap().to_owned();
    let get = |query: String| {
        let service = world.node(Identity).service();
        async move { ask(&*service, Method::GET, "/", Some(&query), Vec::new()).await }
    };
    let page = get(query.clone()).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    let html = String::from_utf8(page.body.read(1 << 20).await.unwrap().to_vec()).unwrap();
    for text in
        [&acquire_envelope::url::dotted(session.short()), "bob", "&lt;b&gt;small&lt;/b&gt; cows", "acquire login"]
    {
        assert!(html.contains(text), "{text}\n{html}");
    }
    let (wrong_service, wrong_session) = (query.replace("a0-a1", "a0-a2"), "id=a0-a1/00.00.00.00".to_owned());
    for other in [wrong_service, wrong_session, "id=".into(), "id=a0-a1".into(), "id=a0-a1/../x".into()] {
        let page = get(other.clone()).await;
        assert_eq!(page.status, 404, "{other}");
        let html = String::from_utf8(page.body.read(1 << 20).await.unwrap().to_vec()).unwrap();
        assert!(html.contains("No session waits") && !html.contains("bob"), "{other}");
    }
    world.clock.advance(30 * 60);
    assert_eq!(get(query).await.status, 404, "it has expired");
}
