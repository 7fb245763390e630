use super::*;
use crate::Caller;

/// Answers every call with the same bytes.
struct Canned(Vec<u8>);

#[async_trait]
impl Transport for Canned {
    async fn post(&self, _: &str, _: Vec<u8>) -> Result<Vec<u8>, Error> {
        Ok(self.0.clone())
    }
}

/// Keeps the answers that another transport gave.
struct Recording(Arc<Net>, Mutex<Vec<Vec<u8>>>);

#[async_trait]
impl Transport for Recording {
    async fn post(&self, url: &str, body: Vec<u8>) -> Result<Vec<u8>, Error> {
        let answer = self.0.post(url, body).await?;
        self.1.lock().unwrap().push(answer.clone());
        Ok(answer)
    }
}

async fn ask(transport: &dyn Transport, to: &ServiceRecord, function: &str) -> Result<Value, Error> {
    let caller = Caller { transport, clock: &*Still::new(), reply_key: &key(7) };
    caller.call(to, Some(function), &json!({ "a": 1 })).await
}

#[tokio::test]
async fn a_signed_answer_is_the_result() {
    let fake = echo(ServiceType::Identity, "a0-a1", 2);
    let record = fake.record.clone();
    let (net, _) = Net::new([fake]);
    assert_eq!(ask(&*net, &record, "echo").await.unwrap(), json!({ "a": 1 }));
    let error = ask(&*net, &record, "fail").await.unwrap_err();
    assert_eq!(error, Error::Exception(exception::permission("no")));
}

#[tokio::test]
async fn an_answer_by_another_certificate_is_refused() {
    let mut fake = echo(ServiceType::Identity, "a0-a1", 2);
    let record = fake.record.clone();
    fake.certificates = vec![key(4)];
    let (net, _) = Net::new([fake]);
    assert!(matches!(ask(&*net, &record, "echo").await, Err(Error::Answer(_))));
}

#[tokio::test]
async fn an_error_without_proof_is_not_believed() {
    let fake = echo(ServiceType::Identity, "a0-a1", 2);
    let refused = Err(exception::permission("the session was revoked"));
    let plain = reply::seal(&refused, &reply::Reply::default(), &fake, Timestamp::EPOCH);
    assert!(matches!(ask(&Canned(plain), &fake.record, "echo").await, Err(Error::Answer(_))));
}

#[tokio::test]
async fn an_answer_to_another_call_is_refused() {
    let fake = echo(ServiceType::Identity, "a0-a1", 2);
    let record = fake.record.clone();
    let (net, _) = Net::new([fake]);
    let recording = Recording(net, Mutex::default());
    ask(&recording, &record, "echo").await.unwrap();
    let old = recording.1.lock().unwrap().remove(0);
    let outcome = ask(&Canned(old), &record, "echo").await;
    assert!(matches!(&outcome, Err(Error::Answer(text)) if text.contains("another call")), "{outcome:?}");
}

#[tokio::test]
async fn garbage_is_an_error_and_never_a_panic() {
    let fake = echo(ServiceType::Identity, "a0-a1", 2);
    for garbage in ["", "null", "{}", "[]", "\"x\"", "{\"payload\": 1}", "\u{0}", "{\"encrypted\": true}", "{"] {
        let outcome = ask(&Canned(garbage.as_bytes().to_vec()), &fake.record, "echo").await;
        assert!(outcome.is_err(), "{garbage}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_lost_key_is_told_apart() {
    let mut fake = echo(ServiceType::Identity, "a0-a1", 2);
    let record = fake.record.clone();
    fake.keys = vec![key(4)];
    let (net, _) = Net::new([fake]);
    assert!(matches!(ask(&*net, &record, "echo").await, Err(Error::MissingKey(_))));
}
