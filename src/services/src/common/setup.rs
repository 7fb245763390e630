use crate::frame::{Arguments, Cx, Fault, Outcome};
use crate::keys::record::{Admin, FORMAT, Own, Principal, StoredPair, place};
use crate::keys::{self, Ring};
use crate::registry::claim_text;
use crate::trusted;
use crate::users::{self, Kind, Newcomer};
use acquire_crypto::{base64, hash, passphrase};
use acquire_envelope::url::ServiceUrl;
use acquire_envelope::{Class, challenge, credentials};
use acquire_model::{SecretText, ServiceType, ServiceUid, Uid};
use acquire_store::{Decision, Written};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sets the service up (protocol 01 §4.4, mended): only for whoever shows the proof that it was born with. Under that
/// proof it may be repeated as often as one likes, after any crash, and comes to the same.
pub(super) async fn run(cx: &Arc<Cx>, arguments: &Arguments) -> Outcome {
    check(cx, arguments)?;
    let wanted = Wanted::read(cx, arguments)?;
    let _alone = cx.keys.setting_up().await;
    begin(cx).await?;
    let ring = cx.keys.ring();
    if ring.complete().map_or(true, |own| own.born != born(&ring)) {
        let uid = obtain_uid(cx).await?;
        make_users(cx, &uid, &wanted).await?;
    }
    match keys::publish(cx).await {
        // The registry has lost this service, or an admin took it out; the same keys get the same uid.
        Err(fault) if fault.class() == Class::MissingServiceError => {
            register(cx, &cx.keys.ring()).await?;
            keys::publish(cx).await?;
        }
        published => published?,
    }
    let uri = users::provisioning_uri(cx, &wanted.username, &wanted.otp_secret);
    Ok(json!({ "service": cx.keys.ring().signed_record()?, "provisioning_uri": uri.expose() }))
}

fn born(ring: &Ring) -> &str {
    ring.provisioned().certificate.public().pem()
}

/// Refuses whoever does not show the proof, before anything else is looked at.
fn check(cx: &Cx, arguments: &Arguments) -> Result<(), Fault> {
    let proof = arguments.value("proof").and_then(Value::as_str).unwrap_or_default();
    if hash::equal(proof.as_bytes(), cx.secret.setup_proof.expose().as_bytes()) {
        Ok(())
    } else {
        Err(Fault::permission("only whoever holds this service's set-up proof can set it up"))
    }
}

/// The first admin.
struct Wanted {
    username: String,
    password: SecretText,
    otp_secret: SecretText,
}

impl Wanted {
    fn read(cx: &Cx, arguments: &Arguments) -> Result<Self, Fault> {
        let wrong = |what: &str| Fault::new(Class::ServiceAccountError, format!("this service has another {what}"));
        if arguments.text("service_type")? != cx.service.as_str() {
            return Err(wrong("type"));
        }
        if arguments.text("canonical_url")?.parse::<ServiceUrl>().ok().as_ref() != Some(&cx.url) {
            return Err(wrong("URL"));
        }
        let registry = arguments.optional_text("registry_uid")?;
        if registry.is_some() && registry != cx.registry.uid.as_ref().map(ServiceUid::as_str) {
            return Err(wrong("registry"));
        }
        let otp_secret = arguments.optional_text("otpsecret")?.map(SecretText::new);
        Ok(Self {
            username: arguments.optional_text("username")?.unwrap_or("admin").to_owned(),
            password: SecretText::new(arguments.text("password")?),
            otp_secret: otp_secret.unwrap_or_else(|| cx.secret.admin_otp_secret.clone()),
        })
    }
}

/// Makes the record of stage 1, unless there is one: from then on the service answers the registry's challenge.
async fn begin(cx: &Arc<Cx>) -> Result<(), Fault> {
    keys::reload(cx).await?;
    let ring = cx.keys.ring();
    if ring.own.is_some() {
        return Ok(());
    }
    let provisioned = ring.provisioned();
    let own = Own {
        format: FORMAT,
        stage1: SecretText::new(format!("STAGE1 {}", challenge::draw(&*cx.entropy))),
        uid: None,
        born: born(&ring).to_owned(),
        principal: Principal {
            username: format!("{}_principal", cx.service),
            password: passphrase::random(&*cx.entropy),
            otp_secret: users::draw_otp_secret(cx),
            user: None,
        },
        admins: BTreeMap::new(),
        // The keys that the service was born with are its first ones: the registry's challenge proves them.
        current: StoredPair::new(&provisioned.key, &provisioned.certificate, cx.now())?,
        last: None,
        archive: Vec::new(),
        confirmed: None,
    };
    // Whoever was faster has set stage 1 up; theirs is as good.
    match cx.store.write(&place()?, None, &own).await? {
        Written::Done(_) | Written::Lost => keys::reload(cx).await,
    }
}

/// The uid of this service: the one it has, its own as a registry, or the one that the registry gives.
async fn obtain_uid(cx: &Arc<Cx>) -> Result<ServiceUid, Fault> {
    let ring = cx.keys.ring();
    if let Some(uid) = ring.own.as_ref().and_then(|own| own.uid.clone()) {
        return Ok(uid);
    }
    let uid = match (cx.service, &cx.registry.uid) {
        (ServiceType::Registry, Some(uid)) if cx.registry.url == cx.url => uid.clone(),
        (ServiceType::Registry, _) => {
            return Err(Fault::permission("a registry can only register itself, and this is another one's URL"));
        }
        _ => register(cx, &ring).await?,
    };
    amend(cx, |own| own.uid = Some(uid.clone())).await?;
    Ok(uid)
}

/// Registers at the registry, which calls our root function while this runs.
async fn register(cx: &Arc<Cx>, ring: &Ring) -> Result<ServiceUid, Fault> {
    let own = ring.own.as_ref().ok_or_else(|| Fault::new(Class::ServiceAccountError, "set-up has not begun"))?;
    let (key, record) = (&cx.registry.public_key, ring.record()?);
    let text = claim_text(&cx.canonical_url, record.public_certificate.fingerprint(), own.stage1.expose());
    let payload = json!({
        "service": record.to_json(),
        "challenge": base64::encode(&key.encrypt(own.stage1.expose().as_bytes())?),
        "fingerprint": key.fingerprint(),
        "signatures": ring.signatures(&text)?,
    });
    let answer = trusted::call(cx, &cx.registry, Some("register_service"), &payload).await?;
    let text = |name| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    if !hash::equal(text("response").as_bytes(), own.stage1.expose().as_bytes()) {
        return Err(Fault::new(Class::ServiceAccountError, "the registry did not prove that it is the registry"));
    }
    text("service_uid")
        .parse()
        .map_err(|_| Fault::new(Class::ServiceAccountError, "the registry did not answer with a uid"))
}

/// Makes the service's own user and the first admin, or gives them their credentials back; with them set-up is complete.
async fn make_users(cx: &Arc<Cx>, uid: &ServiceUid, wanted: &Wanted) -> Result<(), Fault> {
    let ring = cx.keys.ring();
    let own = ring.own.as_ref().ok_or_else(|| Fault::new(Class::ServiceAccountError, "set-up has not begun"))?;
    let principal = &own.principal;
    let user = ensure(cx, uid, Kind::Principal, (&principal.username, &principal.password, &principal.otp_secret));
    let user = user.await?;
    let admin = ensure(cx, uid, Kind::Person, (&wanted.username, &wanted.password, &wanted.otp_secret)).await?;
    let since = cx.now();
    amend(cx, |own| {
        own.born = born(&ring).to_owned();
        own.principal.user = Some(user.clone());
        own.admins.entry(admin.clone()).or_insert_with(|| Admin { since, authorised_by: "first admin".to_owned() });
    })
    .await
}

async fn ensure(
    cx: &Arc<Cx>,
    uid: &ServiceUid,
    kind: Kind,
    (username, password, otp_secret): (&str, &SecretText, &SecretText),
) -> Result<Uid, Fault> {
    let password = credentials::encode_password(uid, password);
    users::ensure(cx, &Newcomer { username, password: &password, otp_secret: Some(otp_secret), kind }).await
}

/// Changes the service's own record.
async fn amend(cx: &Arc<Cx>, mut change: impl FnMut(&mut Own) + Send) -> Result<(), Fault> {
    cx.store
        .modify(&place()?, |own: Option<&Own>| -> Result<_, Fault> {
            let mut next =
                own.cloned().ok_or_else(|| Fault::new(Class::ServiceAccountError, "this service's record is gone"))?;
            change(&mut next);
            Ok(Decision::Write(next, ()))
        })
        .await?;
    keys::reload(cx).await
}
