//! What became of a call that failed: whether to try again, and a text for logs and operators. The texts hold a method, an
//! origin, a status and the system's own words; never a path, a query, a header or a body.

use std::{error::Error, time::Duration};

use http::{HeaderMap, StatusCode, header};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

use super::address::Refused;

/// A longer wait than this is not believed.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// A call that did not end in a 2xx status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The same call may succeed later.
    #[error("{message}")]
    Transient {
        /// What happened.
        message: String,
        /// How long the far side asked us to wait (`Retry-After`), at most a day.
        retry_after: Option<Duration>,
    },
    /// The same call will fail again.
    #[error("{message}")]
    Permanent {
        /// What happened.
        message: String,
    },
}

/// The error of a request that got no answer.
pub(super) fn unanswered(target: &str, error: &reqwest::Error, timeout: Duration) -> CallError {
    if let Some(refused) = find::<Refused>(error) {
        return CallError::Permanent { message: format!("{target}: {refused}") };
    }
    if error.is_builder() {
        return CallError::Permanent { message: format!("{target}: the request cannot be made") };
    }
    let message = if error.is_timeout() {
        format!("{target}: no answer within {timeout:?}")
    } else {
        format!("{target}: {}", innermost(error))
    };
    CallError::Transient { message, retry_after: None }
}

/// The error of an answer whose status is not of the 2xx class.
pub(super) fn answered(target: &str, status: StatusCode, headers: &HeaderMap, now: Timestamp) -> CallError {
    let name = status.canonical_reason().unwrap_or("no name");
    let message = format!("{target}: the answer is {} ({name})", status.as_u16());
    if status.is_redirection() {
        return CallError::Permanent { message: format!("{message}; redirects are not followed, name the final URL") };
    }
    if is_transient(status) {
        return CallError::Transient { message, retry_after: retry_after(headers, now) };
    }
    CallError::Permanent { message }
}

/// Statuses that a later attempt may not see again (RFC 9110 section 15, RFC 8470, RFC 6585).
fn is_transient(status: StatusCode) -> bool {
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => false,
        _ => status.is_server_error(),
    }
}

/// `Retry-After` (RFC 9110 section 10.2.3): seconds or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = DateTimeParser::new().parse_timestamp(text).ok()?;
            Duration::from_secs(u64::try_from(at.as_second() - now.as_second()).unwrap_or(0))
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

/// The cause at the bottom: the outer layers repeat one another, and reqwest's name the URL.
pub(super) fn innermost(error: &reqwest::Error) -> String {
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(deeper) = cause.and_then(Error::source) {
        cause = Some(deeper);
    }
    cause.map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}

fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn after(value: &'static str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(value))]);
        // Sun, 06 Nov 1994 08:49:37 GMT, the date that RFC 9110 shows.
        retry_after(&headers, Timestamp::from_second(784_111_777).expect("a time"))
    }

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        assert_eq!(after("120"), Some(Duration::from_secs(120)));
        assert_eq!(after("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(after("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("99999999999"), Some(LONGEST_WAIT));
        for nonsense in ["", "soon", "-1", "1.5", "Sun, 06 Nov"] {
            assert_eq!(after(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_status_says_whether_to_try_again() {
        for (status, transient) in [
            (301, false),
            (304, false),
            (400, false),
            (401, false),
            (404, false),
            (408, true),
            (409, false),
            (410, false),
            (422, false),
            (425, true),
            (429, true),
            (500, true),
            (501, false),
            (502, true),
            (503, true),
            (504, true),
            (505, false),
            (599, true),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let error = answered("POST https://far.test", status, &HeaderMap::new(), Timestamp::UNIX_EPOCH);
            assert_eq!(matches!(error, CallError::Transient { .. }), transient, "{status}");
            assert!(error.to_string().contains(status.as_str()));
        }
    }
}
