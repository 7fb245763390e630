use crate::plan::{FORMAT, Plan, codes};
use crate::state::State;
use acquire_model::Diagnostic;

impl Plan {
    /// Refuses the plan if it was made for something else than what is there now. Without a digest of the spec at
    /// hand (`None`), the spec is not compared.
    ///
    /// # Errors
    /// `STALE`, with what differs; `UNKNOWN_FORMAT`.
    pub fn check(&self, state: &State, spec_digest: Option<&str>, binary_sha256: &str) -> Result<(), Diagnostic> {
        if self.format != FORMAT {
            let summary = format!("this plan has format {}; this binary knows format {FORMAT}", self.format);
            return Err(Diagnostic::error(codes::UNKNOWN_FORMAT, summary).hint("plan again with this binary"));
        }
        let stale = |summary: &str, detail: String| {
            Err(Diagnostic::error(codes::STALE, summary.to_owned()).detail(detail).hint("plan again"))
        };
        if self.lineage != state.lineage {
            let detail = format!("plan   lineage {}\nstate  lineage {}", self.lineage, state.lineage);
            return stale("this plan was made for another state", detail);
        }
        if self.serial != state.serial {
            let detail = format!("plan   serial {}\nstate  serial {}", self.serial, state.serial);
            return stale("the state has changed since this plan was made", detail);
        }
        if let (Some(planned), Some(now)) = (self.spec_digest.as_deref(), spec_digest)
            && planned != now
        {
            return stale("the spec has changed since this plan was made", differing(planned, now));
        }
        if self.binary_sha256 != binary_sha256 {
            let detail = differing(&self.binary_sha256, binary_sha256);
            return stale("this plan was made for another binary", detail);
        }
        Ok(())
    }
}

fn differing(planned: &str, now: &str) -> String {
    format!("plan  SHA-256 {planned}\nnow   SHA-256 {now}")
}
