//! What a caller is told who uses something on its way out: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and, where a path
//! replaces what was used, `Link; rel="successor-version"`.
//!
//! `Deprecation` is a date. Where a manifest states a version, the date is that version's release. A version that was never
//! released stands for the newest release before it (the oldest when there is none), and so does a `legacy` carrier that
//! states nothing.

use std::borrow::Cow;

use contract::catalog::{Carrier, CarrierPlace, CarrierStatus, Deprecation, Route};
use http::{HeaderMap, HeaderName, HeaderValue, header::LINK};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// Releases of this product with their days, oldest first; each new version adds its line (a test holds it to that).
const RELEASES: &[(&str, &str)] = &[("2.0.0", "2026-11-23")];

/// Something on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Contract.
    pub contract: String,
    /// `header X-Name`, `query name` or the path of the alias.
    pub surface: String,
    /// Since when.
    pub since: Timestamp,
    /// The end of the last day of service.
    pub sunset: Option<Timestamp>,
    /// Path template of what replaces it.
    pub successor: Option<String>,
}

impl Notice {
    /// The notice of a route that is deprecated as such: an alias.
    pub fn of_route(route: &Route) -> Option<Self> {
        let deprecated = route.deprecated.as_ref()?;
        let mut notice = Self::new(&route.contract, route.path.clone(), Some(deprecated));
        notice.successor = notice.successor.or_else(|| route.alias_of.clone());
        Some(notice)
    }

    /// The notice of a carrier that is legacy or deprecated.
    pub fn of_carrier(carrier: &Carrier, route: &Route) -> Option<Self> {
        if carrier.deprecated.is_none() && carrier.status != CarrierStatus::Legacy {
            return None;
        }
        let mut notice = Self::new(&route.contract, carrier_surface(carrier), carrier.deprecated.as_ref());
        // The successor of a carrier is the same resource, asked for with a better one.
        notice.successor = notice.successor.or_else(|| Some(route.path.clone()));
        Some(notice)
    }

    fn new(contract: &str, surface: String, deprecated: Option<&Deprecation>) -> Self {
        let replacement = deprecated.and_then(|deprecated| deprecated.replacement.as_deref());
        Self {
            contract: contract.to_owned(),
            surface,
            since: since(deprecated.map_or("", |deprecated| deprecated.since.as_str())),
            sunset: deprecated.and_then(|deprecated| end_of_day(deprecated.sunset.as_deref()?)),
            successor: replacement.filter(|text| text.starts_with('/')).map(str::to_owned),
        }
    }
}

/// A carrier in words: `header X-Name`, `query name`.
pub fn carrier_surface(carrier: &Carrier) -> String {
    let place = match carrier.place {
        CarrierPlace::Header => "header",
        CarrierPlace::Query => "query",
        CarrierPlace::Cookie => "cookie",
    };
    format!("{place} {}", carrier.name)
}

/// Adds the headers of every notice to an answer. Of several dates the earliest is told. `params` fill a successor's template.
pub fn apply<'a>(notices: impl IntoIterator<Item = &'a Notice>, params: &[(String, String)], headers: &mut HeaderMap) {
    let (mut since, mut sunset) = (None::<Timestamp>, None::<Timestamp>);
    for notice in notices {
        since = Some(since.map_or(notice.since, |earlier| earlier.min(notice.since)));
        sunset = match (sunset, notice.sunset) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        if let Some(link) = notice.successor.as_deref().and_then(|path| link(path, params)) {
            headers.append(LINK, link);
        }
    }
    if let Some(value) = since.and_then(|since| HeaderValue::try_from(format!("@{}", since.as_second())).ok()) {
        headers.insert(HeaderName::from_static("deprecation"), value);
    }
    if let Some(value) = sunset.and_then(|sunset| HeaderValue::try_from(http_date(sunset)).ok()) {
        headers.insert(HeaderName::from_static("sunset"), value);
    }
}

/// An HTTP date (RFC 9110 section 5.6.7).
fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn link(path: &str, params: &[(String, String)]) -> Option<HeaderValue> {
    let mut target = Cow::Borrowed(path);
    for (name, value) in params {
        let place = format!("{{{name}}}");
        if target.contains(&place) {
            target = Cow::Owned(target.replace(&place, &encode_segment(value)));
        }
    }
    // A parameter that the request does not have: better no link than one that leads nowhere.
    if target.contains('{') {
        return None;
    }
    HeaderValue::try_from(format!("<{target}>; rel=\"successor-version\"")).ok()
}

/// One segment of a path, percent-encoded (RFC 3986 section 3.3, unreserved characters as they are).
fn encode_segment(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn since(text: &str) -> Timestamp {
    if let Some(day) = start_of_day(text) {
        return day;
    }
    let asked = version(text).unwrap_or_default();
    let known = RELEASES.iter().rev().find(|(name, _)| version(name).is_some_and(|known| known <= asked));
    let release = known.or(RELEASES.first());
    release.and_then(|(_, day)| start_of_day(day)).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn version(text: &str) -> Option<[u64; 3]> {
    let mut parts = text.split(['.', '-', '+']).map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

fn start_of_day(text: &str) -> Option<Timestamp> {
    let day: Date = text.parse().ok()?;
    TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()
}

fn end_of_day(text: &str) -> Option<Timestamp> {
    let day: Date = text.parse().ok()?;
    TimeZone::UTC.to_timestamp(day.at(23, 59, 59, 0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(since: &str, sunset: Option<&str>, replacement: Option<&str>) -> Notice {
        let deprecated = Deprecation {
            since: since.to_owned(),
            sunset: sunset.map(str::to_owned),
            replacement: replacement.map(str::to_owned),
        };
        Notice::new("demo", "query secret".to_owned(), Some(&deprecated))
    }

    fn headers(notices: &[Notice], params: &[(String, String)]) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        apply(notices, params, &mut headers);
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().expect("headers are ASCII").to_owned())).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn this_version_is_in_the_list_of_releases() {
        let (newest, _) = RELEASES.last().expect("there is a release");
        assert_eq!(*newest, env!("CARGO_PKG_VERSION"), "add the version and its day to RELEASES");
        assert!(RELEASES.iter().all(|(name, day)| version(name).is_some() && start_of_day(day).is_some()));
    }

    #[test]
    fn a_date_and_a_version_become_dates() {
        let told = headers(&[notice("2026-11-01", Some("2027-12-31"), Some("header X-Better"))], &[]);
        assert_eq!(told, [pair("deprecation", "@1793491200"), pair("sunset", "Fri, 31 Dec 2027 23:59:59 GMT")]);
        assert_eq!(headers(&[notice("2.0.0", None, None)], &[]), [pair("deprecation", "@1795392000")]);
        for never_released in ["1.0.0", "9.0.0", "", "soon"] {
            assert_eq!(headers(&[notice(never_released, None, None)], &[]), [pair("deprecation", "@1795392000")]);
        }
    }

    #[test]
    fn a_path_becomes_a_link_with_its_parameters_filled_in() {
        let notice = notice("2.0.0", None, Some("/a/{project}/b"));
        let params = [pair("project", "x y>")];
        assert!(
            headers(std::slice::from_ref(&notice), &params).contains(&pair("link", "</a/x%20y%3E/b>; rel=\"successor-version\""))
        );
        assert!(headers(&[notice], &[]).iter().all(|(name, _)| name != "link"));
    }

    #[test]
    fn of_two_notices_the_earlier_dates_are_told() {
        let told =
            headers(&[notice("2026-11-01", Some("2028-01-01"), None), notice("2026-01-01", Some("2027-12-31"), None)], &[]);
        assert_eq!(told, [pair("deprecation", "@1767225600"), pair("sunset", "Fri, 31 Dec 2027 23:59:59 GMT")]);
    }
}
