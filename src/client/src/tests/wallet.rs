use super::*;
use crate::{Account, Wallet};
use acquire_model::SecretText;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_seed_is_the_one_file_that_the_python_client_looks_for() {
    let home = tempfile::tempdir().unwrap();
    let seeded = Wallet::beneath(home.path()).seed(&registry(Vec::new()).record).unwrap();
    // B64STR("127.0.0.1/t/registry")
    let expected = home.path().join(".acquire_wallet/a0-a0/service_MTI3LjAuMC4xL3QvcmVnaXN0cnk=.json");
    assert_eq!((&seeded.file, seeded.set_aside.len()), (&expected, 0));
    assert_eq!((mode(&home.path().join(".acquire_wallet")), mode(&expected)), (0o700, 0o600));
    let data: Value = serde_json::from_slice(&fs::read(&expected).unwrap()).unwrap();
    assert_eq!(ServiceRecord::from_json(&data).unwrap(), registry(Vec::new()).record);
    assert!(data.get("validation_string").is_none());
}

#[test]
fn only_a_registry_is_a_seed() {
    let home = tempfile::tempdir().unwrap();
    let wallet = Wallet::beneath(home.path());
    assert!(wallet.seed(&echo(ServiceType::Identity, "a0-a1", 2).record).is_err());
    assert!(wallet.seed(&ServiceRecord { uid: None, ..registry(Vec::new()).record }).is_err());
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing was written");
}

#[test]
fn what_another_registry_of_the_same_uid_left_is_set_aside() {
    let home = tempfile::tempdir().unwrap();
    let wallet = Wallet::beneath(home.path());
    let identity = home.path().join(".acquire_wallet/a0-a1/service_x.json");
    let user = home.path().join(".acquire_wallet/a0-a1/user_x.json");
    let stranger = home.path().join(".acquire_wallet/b0-a1/service_x.json");
    for file in [&identity, &user, &stranger] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "{}").unwrap();
    }
    let first = wallet.seed(&registry(Vec::new()).record).unwrap();
    assert_eq!(first.set_aside, [identity.with_extension("json.old")]);
    fs::write(&identity, "{}").unwrap();
    let again = wallet.seed(&registry(Vec::new()).record).unwrap();
    assert!(again.set_aside.is_empty(), "the same registry vouches for what it vouched for");

    let mut rotated = registry(Vec::new()).record;
    rotated.last_certificate = rotated.public_certificate.clone();
    (rotated.public_key, rotated.public_certificate) = (key(4).public().clone(), key(5).public().clone());
    assert!(wallet.seed(&rotated).unwrap().set_aside.is_empty(), "so does one that changed its keys");

    let other = ServiceRecord {
        public_key: key(2).public().clone(),
        public_certificate: key(3).public().clone(),
        ..registry(Vec::new()).record
    };
    assert_eq!(wallet.seed(&other).unwrap().set_aside.len(), 2);
    assert!(user.exists() && stranger.exists());
}

#[test]
fn an_account_reads_back_with_the_wallets_key_alone() {
    let home = tempfile::tempdir().unwrap();
    let wallet = Wallet::beneath(home.path());
    let passphrase = SecretText::new("Wallet1Passphrase");
    assert!(wallet.unlock(&SecretText::new("weak")).is_err());
    let key_made = wallet.unlock(&passphrase).unwrap();
    assert_eq!(wallet.unlock(&passphrase).unwrap().public(), key_made.public());
    assert!(wallet.unlock(&SecretText::new("Wrong1Passphrase")).is_err());

    let service = "a0-a1".parse().unwrap();
    let account = |device: Option<&str>, uid: &str| Account {
        username: "bob".to_owned(),
        user_uid: uid.parse().unwrap(),
        password: SecretText::new("Bob1Password"),
        device_uid: device.map(|uid| uid.parse().unwrap()),
        otp_secret: device.map(|_| SecretText::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")),
    };
    let with = account(Some("5ca08253-3377-46e7-96b7-c97e708ffb46"), "fc22b2fe-db60-4d80-b652-01b08fe36e27");
    let without = account(None, "0c00a34d-db60-4d80-b652-01b08fe36e27");
    for account in [&with, &without] {
        wallet.remember(&key_made, &service, account).unwrap();
    }
    assert_eq!(wallet.accounts(&key_made, &service).unwrap(), [without, with.clone()]);
    assert!(wallet.accounts(&key(4), &service).unwrap().is_empty(), "another key opens nothing");
    assert!(wallet.accounts(&key_made, &"a0-a2".parse().unwrap()).unwrap().is_empty());

    let file = home.path().join(format!(".acquire_wallet/a0-a1/user_{}.json", with.user_uid));
    assert_eq!(mode(&file), 0o600);
    let data: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!((&data["username"], &data["user_uid"]), (&json!("bob"), &json!(with.user_uid)));
    assert!(!data.to_string().contains("Bob1Password"));
}
