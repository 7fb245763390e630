"""Drives the stock Python client, acquire==0.1.2, against a running deployment.

Reads one JSON object from standard input: `part`, and what that part needs. Writes one JSON object to standard
output: step -> {"ok": value} or {"error": class, "text": text}. What the steps must come to is said by `mod.rs`.

The client is not changed in any way. Where it would ask a person, `getpass` answers as the person would.
"""

import contextlib
import getpass
import json
import sys
import time

WALLET_PASSWORD = "Wallet1Password"


def answer(prompt="", stream=None):
    """What the person types: the wallet's password; nothing else may be asked."""
    if "wallet" in prompt or "confirm" in prompt:
        return WALLET_PASSWORD
    raise AssertionError("the client asked: " + prompt)


getpass.getpass = answer

with contextlib.redirect_stdout(sys.stderr):
    import pyotp
    from Acquire.Client import Authorisation, Credentials, Service, User, Wallet

RESULTS = {}


def step(name, function):
    """Runs one step and notes what it came to; returns its value, or None."""
    try:
        value = function()
        RESULTS[name] = {"ok": value if isinstance(value, (bool, int, str, dict, list)) else None}
        return value
    except BaseException as error:
        RESULTS[name] = {"error": type(error).__name__, "text": str(error)}
        return None


def code(secret, ahead=0):
    """The one-time code of now, or of a step ahead or behind: the service takes each of the three, rising."""
    while ahead < 0 and time.time() % 30 > 26:
        time.sleep(0.2)  # the step behind is about to be two behind
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * ahead)


def begin(username, url):
    """A log-in that waits for approval."""
    user = User(username, identity_url=url, auto_logout=False)
    user.request_login(login_message="a peer test")
    return user


def send(user, username, password, otpcode, **more):
    """Approves a log-in with typed credentials, and forgets them."""
    Wallet().send_password(url=user.login_url(), username=username, password=password, otpcode=otpcode,
                           remember_password=False, **more)
    return user.wait_for_login(timeout=10, polling_delta=1)


def log_in(username, url, password, otpcode):
    user = begin(username, url)
    assert send(user, username, password, otpcode)
    return user


def authorised(user, service, signed_for, function="list_devices"):
    """Calls a function of ours that checks an authorisation."""
    proof = Authorisation(resource=signed_for, user=user)
    return service.call_function(function, {"authorisation": proof.to_data()})


def users(url, username, password, **_):
    """Everything that a person does with a user."""
    service = Service(url)
    made = step("register", lambda: User.register(username=username, password=password, identity_url=url))
    secret = made["otpsecret"]
    RESULTS["register"] = {"ok": {"secret": secret, "uri": made["provisioning_uri"]}}
    step("register a taken name", lambda: User.register(username=username, password=password, identity_url=url))

    step("wrong user", lambda: send(begin(username, url), "nobody", password, code(secret)))
    step("wrong password", lambda: send(begin(username, url), username, "Wrong1Password", code(secret)))
    step("wrong code", lambda: send(begin(username, url), username, password, "000000"))

    typed = code(secret, -1)
    user = step("typed code", lambda: log_in(username, url, password, typed))
    RESULTS["typed code"]["ok"] = {"uid": user.uid(), "guid": user.guid(), "in": user.is_logged_in()}
    step("reused code", lambda: send(begin(username, url), username, password, typed))
    step("reused code, as the service says it", lambda: reuse(service, begin(username, url), username, password, typed))

    step("authorisation by Python", lambda: authorised(user, service, "list_devices"))
    step("authorisation for another resource", lambda: authorised(user, service, "list_files"))
    step("no authorisation", lambda: service.call_function("list_devices", {"authorisation": None}))

    denied(service, begin(username, url), username, password, code(secret))

    def remember():
        second = begin(username, url)
        Wallet().send_password(url=second.login_url(), username=username, password=password,
                               otpcode=code(secret, 1), remember_device=True)
        return second.wait_for_login(timeout=10, polling_delta=1)

    step("remember this device", remember)

    def by_wallet_alone():
        third = begin(username, url)
        Wallet().send_password(url=third.login_url())
        assert third.wait_for_login(timeout=10, polling_delta=1)
        return {"uid": third.uid(), "devices": authorised(third, service, "list_devices")["devices"]}

    step("remembered device", by_wallet_alone)
    logouts(service, user, begin(username, url), begin(username, url))


def reuse(service, user, username, password, otpcode):
    short = user.session_uid()[:8]
    packed = Credentials(username=username, password=password, otpcode=otpcode, short_uid=short)
    arguments = {"short_uid": short, "credentials": packed.to_data(identity_uid=service.uid())}
    return service.call_function("login", arguments)


def logouts(service, user, pending, other):
    """Log-outs with every kind of proof; `user` is logged in, the others wait."""
    session = user.session_uid()
    step("logout without proof", lambda: service.call_function("logout", {"session_uid": session}))
    proof = Authorisation(resource="logout " + other.session_uid(), user=user).to_data()
    step("logout of another session",
         lambda: service.call_function("logout", {"session_uid": other.session_uid(), "authorisation": proof}))
    step("still logged in", lambda: authorised(user, service, "list_devices"))

    late = Authorisation(resource="list_devices", user=user)
    step("logout", lambda: user.logout())
    step("the session after logout",
         lambda: service.call_function("get_session_info", {"session_uid": session})["session_status"])
    step("signed after logout", lambda: signed_now(service, late, user))
    step("logout while pending", lambda: pending.logout())
    step("the pending session after logout",
         lambda: service.call_function("get_session_info", {"session_uid": pending.session_uid()})["session_status"])


def signed_now(service, proof, user):
    """The client refuses to sign once it is logged out; somebody who kept the key would not."""
    from Acquire.ObjectStore import create_uuid, get_datetime_now
    proof._auth_datetime = get_datetime_now()
    proof._uid = create_uuid(short_uid=True, include_date=proof._auth_datetime)
    proof._siguid = user.signing_key().sign(proof._uid)
    proof._signature = user.signing_key().sign(proof._get_message("list_devices"))
    return service.call_function("list_devices", {"authorisation": proof.to_data()})


def denied(service, user, username, password, otpcode):
    """A log-in that its user denies ends as the client was made for, although its own services never could."""
    short = user.session_uid()[:8]

    def deny():
        packed = Credentials(username=username, password=password, otpcode=otpcode, short_uid=short)
        return service.call_function("deny", {"short_uid": short,
                                              "credentials": packed.to_data(identity_uid=service.uid())})

    step("deny", deny)
    step("wait for a denied log-in", lambda: user.wait_for_login(timeout=10, polling_delta=1))


def verify(authorisation, resource, **_):
    """An authorisation that our client made, verified by the Python client's own code."""
    proof = Authorisation.from_data(authorisation)
    step("ours, verified by Python", lambda: proof.verify(resource=resource))
    other = Authorisation.from_data(authorisation)
    step("ours, for another resource", lambda: other.verify(resource=resource + "x"))


def wallet(url, username, **_):
    """A log-in with nothing but a wallet that our client wrote."""
    def alone():
        user = begin(username, url)
        Wallet().send_password(url=user.login_url(), username=username)
        assert user.wait_for_login(timeout=10, polling_delta=1)
        return user.uid()

    step("our wallet, used by Python", alone)


def siblings(url, **_):
    """The other services, found as the client finds them: by the last word of the identity service's URL."""
    user = User("anybody", identity_url=url, auto_logout=False)
    user.identity_service()
    for kind in ["accounting", "access", "storage"]:
        found = step(kind, lambda kind=kind: getattr(user, kind + "_service")())
        if found is not None:
            RESULTS[kind] = {"ok": {"type": found.service_type(), "uid": found.uid()}}


PARTS = {"users": users, "verify": verify, "wallet": wallet, "siblings": siblings}

if __name__ == "__main__":
    asked = json.load(sys.stdin)
    # The client talks on standard output; ours is for the result alone.
    with contextlib.redirect_stdout(sys.stderr):
        PARTS[asked.pop("part")](**asked)
    json.dump(RESULTS, sys.stdout, indent=1)
