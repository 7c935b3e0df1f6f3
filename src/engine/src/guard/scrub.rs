//! Dropping credentials from what is stored, logged or handed to a handler.
//!
//! Two nets: every carrier of every contract is dropped by its *name*, so that wrong and mistyped credentials vanish as well;
//! and every secret *value* that this process holds is replaced wherever else it turns up (a body that echoes it, a
//! `Referer`, the message of an error). Values shorter than [`SHORTEST`] are left alone: replacing them would tear texts
//! apart. Secrets that this process does not hold (sessions and API tokens, of which it knows digests) are covered by the
//! first net alone.

use std::{borrow::Cow, collections::BTreeSet};

use aho_corasick::{AhoCorasick, MatchKind};
use bytes::Bytes;
use contract::catalog::{AuthMethod, CarrierPlace, Catalog};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use secrecy::ExposeSecret;
use url::{Url, form_urlencoded};

use crate::environment::Environment;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Values shorter than this are not searched for.
pub const SHORTEST: usize = 8;

/// Made from a whole catalog when it is mounted; cheap to use per request.
pub struct Scrubber {
    /// The names; a header map is the set whose hash costs least.
    headers: HeaderMap<()>,
    queries: BTreeSet<String>,
    values: Option<AhoCorasick>,
    patterns: usize,
}

impl Scrubber {
    /// A scrubber of every carrier that the catalog declares and of every secret that the environment holds.
    pub fn new(catalog: &Catalog, environment: &Environment) -> Self {
        let always = [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE, header::SET_COOKIE];
        let mut headers: HeaderMap<()> = always.into_iter().map(|name| (name, ())).collect();
        // RFC 6750 section 2.3: a place where clients put bearer tokens, though no contract accepts them there.
        let mut queries = BTreeSet::from(["access_token".to_owned()]);
        let mut variables: BTreeSet<&str> = BTreeSet::new();
        let contracts = catalog.contracts.iter().flat_map(|contract| &contract.auth);
        for method in contracts.chain(catalog.routes().flat_map(|route| &route.auth)) {
            collect_names(method, &mut headers, &mut queries);
            if !matches!(method, AuthMethod::Oidc { .. }) {
                variables.extend(method.variable());
            }
        }
        variables.extend(catalog.variables.values().filter(|variable| variable.secret).map(|variable| variable.name.as_str()));
        let defaults = catalog.variables.values().filter_map(|variable| variable.default.as_deref()).collect();
        let values = secret_values(&variables, &defaults, environment);
        let searcher = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&values);
        Self { headers, queries, patterns: values.len(), values: searcher.ok().filter(|_| !values.is_empty()) }
    }

    /// Whether a header carries a credential somewhere in the catalog.
    pub fn drops_header(&self, name: &HeaderName) -> bool {
        self.headers.contains_key(name)
    }

    /// Whether a query parameter (its decoded name) carries a credential somewhere in the catalog.
    pub fn drops_query(&self, name: &str) -> bool {
        self.queries.contains(name)
    }

    /// The headers without credentials.
    pub fn headers(&self, headers: &HeaderMap) -> HeaderMap {
        let mut kept = headers.clone();
        self.clean(&mut kept);
        kept
    }

    /// Drops credentials from headers where they are.
    pub fn clean(&self, headers: &mut HeaderMap) {
        let dropped: Vec<HeaderName> = headers.keys().filter(|name| self.drops_header(name)).cloned().collect();
        for name in dropped {
            headers.remove(name);
        }
        for value in headers.values_mut() {
            self.clean_value(value);
        }
    }

    /// The headers without credentials, as they are stored with a delivery. Bytes that are not UTF-8 are replaced.
    pub fn stored_headers(&self, headers: &HeaderMap) -> Vec<(String, String)> {
        let kept = headers.iter().filter(|(name, _)| !self.drops_header(name));
        kept.map(|(name, value)| {
            let text = String::from_utf8_lossy(value.as_bytes());
            (name.as_str().to_owned(), self.text(&text).into_owned())
        })
        .collect()
    }

    /// The parameters of a raw query, percent-decoded, without credentials.
    pub fn query(&self, query: &str) -> Vec<(String, String)> {
        form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| !self.drops_query(name))
            .map(|(name, value)| (self.text(&name).into_owned(), self.text(&value).into_owned()))
            .collect()
    }

    /// Path and query for a log line; the values of credentials are replaced.
    pub fn uri(&self, uri: &Uri) -> String {
        let Some(query) = uri.query() else { return self.text(uri.path()).into_owned() };
        let mut out = format!("{}?", uri.path());
        for (index, pair) in query.split('&').enumerate() {
            if index > 0 {
                out.push('&');
            }
            let name = pair.split_once('=').map_or(pair, |(name, _)| name);
            let drops = form_urlencoded::parse(name.as_bytes()).any(|(name, _)| self.drops_query(&name));
            if drops && pair.len() > name.len() {
                out.push_str(name);
                out.push('=');
                out.push_str(REDACTED);
            } else {
                out.push_str(pair);
            }
        }
        self.text(&out).into_owned()
    }

    /// Whether a secret value stands in a text.
    pub fn finds(&self, text: &str) -> bool {
        self.values.as_ref().is_some_and(|values| values.is_match(text))
    }

    /// A text with every secret value replaced.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.values {
            Some(values) if values.is_match(text) => Cow::Owned(values.replace_all(text, &self.replacements())),
            _ => Cow::Borrowed(text),
        }
    }

    /// A body with every secret value replaced; the same bytes, uncopied, when there is none in it.
    pub fn body(&self, body: &Bytes) -> Bytes {
        match &self.values {
            Some(values) if values.is_match(body) => values.replace_all_bytes(body, &self.replacements()).into(),
            _ => body.clone(),
        }
    }

    fn clean_value(&self, value: &mut HeaderValue) {
        let Some(values) = self.values.as_ref().filter(|values| values.is_match(value.as_bytes())) else { return };
        let clean = values.replace_all_bytes(value.as_bytes(), &self.replacements());
        *value = HeaderValue::from_bytes(&clean).unwrap_or(HeaderValue::from_static(REDACTED));
    }

    fn replacements(&self) -> Vec<&'static str> {
        vec![REDACTED; self.patterns]
    }
}

fn collect_names(method: &AuthMethod, headers: &mut HeaderMap<()>, queries: &mut BTreeSet<String>) {
    let mut header = |name: &str| headers.extend(HeaderName::from_bytes(name.as_bytes()).map(|name| (name, ())));
    match method {
        AuthMethod::Secret { carriers, .. } => {
            for carrier in carriers {
                match carrier.place {
                    CarrierPlace::Header => header(&carrier.name),
                    CarrierPlace::Query => {
                        queries.insert(carrier.name.clone());
                    }
                    CarrierPlace::Cookie => {}
                }
            }
        }
        AuthMethod::Signature(signature) => header(&signature.header),
        AuthMethod::Credential { header: Some(name), .. } => header(name),
        AuthMethod::Credential { header: None, .. }
        | AuthMethod::Bearer { .. }
        | AuthMethod::Session { .. }
        | AuthMethod::Token { .. }
        | AuthMethod::Connection { .. }
        | AuthMethod::Oidc { .. }
        | AuthMethod::External { .. } => {}
    }
}

/// Every value to search for: as it is, as a URL and as JSON would write it, and the password inside one that is a URL. A
/// default is no secret (it stands in a manifest), and replacing it would spoil what names it innocently.
fn secret_values(variables: &BTreeSet<&str>, defaults: &BTreeSet<&str>, environment: &Environment) -> Vec<String> {
    let mut values = BTreeSet::new();
    for secret in variables.iter().filter_map(|variable| environment.secret(variable)) {
        let both = std::iter::once(&secret.current).chain(&secret.previous).map(|value| value.expose_secret());
        both.filter(|value| !defaults.contains(value)).for_each(|value| add_spellings(value, &mut values));
    }
    values.into_iter().collect()
}

fn add_spellings(value: &str, values: &mut BTreeSet<String>) {
    let mut add = |text: String| {
        if text.len() >= SHORTEST {
            values.insert(text);
        }
    };
    let form: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
    add(form.replace('+', "%20"));
    add(form);
    if let Ok(json) = serde_json::to_string(value) {
        add(json[1..json.len() - 1].to_owned());
    }
    add(value.to_owned());
    if let Some(password) = Url::parse(value).ok().and_then(|url| url.password().map(str::to_owned)) {
        let decoded: Vec<u8> = super::query::decoded(&password.replace('+', "%2B")).collect();
        add(String::from_utf8_lossy(&decoded).into_owned());
        add(password);
    }
}
