use acquire_model::ServiceType;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the histogram, microseconds, and as Prometheus writes them.
const BUCKETS: [(u64, &str); 6] =
    [(1_000, "0.001"), (5_000, "0.005"), (25_000, "0.025"), (100_000, "0.1"), (500_000, "0.5"), (2_500_000, "2.5")];

/// Counts calls by function and outcome. Both come from closed tables, so the number of series is bounded.
#[derive(Default)]
pub(crate) struct Metrics(Mutex<BTreeMap<&'static str, Calls>>);

#[derive(Default)]
struct Calls {
    outcomes: BTreeMap<&'static str, u64>,
    buckets: [u64; BUCKETS.len()],
    micros: u64,
    count: u64,
}

impl Metrics {
    /// Counts one call.
    pub fn count(&self, function: &'static str, outcome: &'static str, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = all.entry(function).or_default();
        *calls.outcomes.entry(outcome).or_default() += 1;
        calls.count += 1;
        calls.micros = calls.micros.saturating_add(micros);
        for (bucket, (bound, _)) in calls.buckets.iter_mut().zip(BUCKETS) {
            *bucket += u64::from(micros <= bound);
        }
    }

    /// Writes the Prometheus text format, version 0.0.4.
    pub fn text(&self, service: ServiceType) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::from(
            "# HELP acquire_calls_total Calls answered, by function and outcome.\n# TYPE acquire_calls_total counter\n",
        );
        // Writing to a String cannot fail.
        for (function, calls) in all.iter() {
            for (outcome, count) in &calls.outcomes {
                let _ = writeln!(
                    text,
                    "acquire_calls_total{{service=\"{service}\",function=\"{function}\",outcome=\"{outcome}\"}} {count}"
                );
            }
        }
        text.push_str(
            "# HELP acquire_call_seconds Time from the opened call to its outcome.\n# TYPE acquire_call_seconds histogram\n",
        );
        for (function, calls) in all.iter() {
            let labels = format!("service=\"{service}\",function=\"{function}\"");
            for (count, (_, bound)) in calls.buckets.iter().zip(BUCKETS) {
                let _ = writeln!(text, "acquire_call_seconds_bucket{{{labels},le=\"{bound}\"}} {count}");
            }
            let _ = writeln!(text, "acquire_call_seconds_bucket{{{labels},le=\"+Inf\"}} {}", calls.count);
            let (whole, part) = (calls.micros / 1_000_000, calls.micros % 1_000_000);
            let _ = writeln!(text, "acquire_call_seconds_sum{{{labels}}} {whole}.{part:06}");
            let _ = writeln!(text, "acquire_call_seconds_count{{{labels}}} {}", calls.count);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_function_and_outcome() {
        let metrics = Metrics::default();
        metrics.count("warm", "ok", Duration::from_micros(900));
        metrics.count("warm", "ok", Duration::from_secs(3));
        metrics.count("warm", "PermissionError", Duration::from_micros(20));
        let text = metrics.text(ServiceType::Identity);
        let warm = "service=\"identity\",function=\"warm\"";
        for line in [
            format!("acquire_calls_total{{{warm},outcome=\"ok\"}} 2"),
            format!("acquire_calls_total{{{warm},outcome=\"PermissionError\"}} 1"),
            format!("acquire_call_seconds_bucket{{{warm},le=\"0.001\"}} 2"),
            format!("acquire_call_seconds_bucket{{{warm},le=\"2.5\"}} 2"),
            format!("acquire_call_seconds_bucket{{{warm},le=\"+Inf\"}} 3"),
            format!("acquire_call_seconds_sum{{{warm}}} 3.000920"),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nis missing in\n{text}");
        }
    }
}
