use crate::apply::codes;
use crate::apply::work::{Broken, Cause, Seen};
use crate::plan::call::Failure;
use crate::plan::{Call, Step};
use acquire_model::{Diagnostic, Reference};
use acquire_provider::Error;

/// Says what happened to a step that failed.
pub(super) fn of(step: &Step, broken: &Broken) -> Diagnostic {
    let diagnostic = match &broken.cause {
        Cause::Unsound(fault) => unsound(step, fault),
        Cause::Halted => Diagnostic::error(codes::BUG, format!("`{}` was stopped before its call", step.address)),
        Cause::Call(failure) => match (&broken.seen, step.call) {
            (Seen::Nothing, _) if failure.error.is_retryable() => no_answer(step, failure),
            _ => refused(step, failure),
        },
    };
    placed(diagnostic, step)
}

/// Says that an attribute is missing which a step needs.
pub(super) fn no_attribute(step: &Step, input: &str, Reference { address, attribute }: &Reference) -> Diagnostic {
    let summary = format!("`{address}` has no attribute `{attribute}`, which `{}` needs as `{input}`", step.address);
    placed(Diagnostic::error(codes::NO_ATTRIBUTE, summary).hint("correct the reference and apply again"), step)
}

/// Says that an attribute is sensitive which a step needs.
pub(super) fn sensitive_reference(step: &Step, input: &str, of: &Reference) -> Diagnostic {
    let what = format!("`{}.{}`, which `{}` needs as `{input}`", of.address, of.attribute, step.address);
    let mistake =
        Diagnostic::error(codes::SENSITIVE_REFERENCE, format!("{what}, is sensitive and not kept for others"));
    placed(mistake.hint("use the variable itself in both places, and apply again"), step)
}

/// Says that nobody provides what a step is about.
pub(super) fn not_provided(step: &Step) -> Diagnostic {
    let (provider, kind) = (&step.provider, step.address.kind());
    let summary = format!("the provider `{provider}` of `{}` is not built in, or has no `{kind}`", step.address);
    placed(Diagnostic::error(codes::NOT_PROVIDED, summary).hint("use a binary with this provider"), step)
}

fn placed(diagnostic: Diagnostic, step: &Step) -> Diagnostic {
    let diagnostic = diagnostic.address(&step.address);
    match &step.origin {
        Some(span) => diagnostic.at(span.clone(), "asked for here"),
        None => diagnostic,
    }
}

fn unsound(step: &Step, fault: &str) -> Diagnostic {
    let summary = format!("the store of `{}` breaks a promise that services rest on: {fault}", step.address);
    Diagnostic::error(codes::UNSOUND_STORE, summary)
        .detail("Services keep every record by creating objects that must not exist yet, and by reading their own writes. In this store they would lose data without noticing.")
        .hint("place this bucket with a provider, or on a server, whose store keeps the promise; then apply again")
}

fn no_answer(step: &Step, Failure { error, attempts, .. }: &Failure) -> Diagnostic {
    let (verb, done) = words(step.call);
    Diagnostic::error(codes::IN_DOUBT, format!("cannot {verb} `{}`: {error}", step.address))
        .detail(format!("`{}` was asked {attempts} times. It may have been {done} all the same.", step.provider))
        .hint("apply again when it answers: that finds out, and makes nothing twice")
}

fn refused(step: &Step, Failure { error, .. }: &Failure) -> Diagnostic {
    let code = if matches!(error, Error::Bug(_)) { codes::BUG } else { codes::REFUSED };
    let hint = match error {
        Error::Denied(_) => "give these credentials the permission, then apply again",
        Error::Conflict(_) | Error::NotFound(_) => "look at what is there, then plan again",
        Error::Invalid(_) => "correct what was refused, then apply again",
        Error::Throttled { .. } | Error::Unavailable(_) => "apply again when it answers",
        Error::Bug(_) => "please report this together with the spec",
    };
    let (what, advice) = error.told();
    let summary = format!("cannot {} `{}`: {what}", words(step.call).0, step.address);
    Diagnostic::error(code, summary).hint(advice.as_deref().unwrap_or(hint))
}

fn words(call: Call) -> (&'static str, &'static str) {
    match call {
        Call::Create => ("create", "created"),
        Call::Update => ("update", "updated"),
        Call::Delete => ("delete", "deleted"),
        Call::Record => ("record", "recorded"),
        Call::Forget => ("forget", "forgotten"),
        Call::Move => ("move", "moved"),
    }
}
