//! Decoding of URIs: path parameters and query parameters (percent-encoding, RFC 3986 section 2.1).

use crate::problem::{Problem, ProblemKind};

/// The path parameters of a match, percent-decoded. 400 when one is not UTF-8 or holds NUL.
pub fn params(params: Option<&matchit::Params<'_, '_>>) -> Result<Vec<(String, String)>, Problem> {
    let Some(params) = params else { return Ok(Vec::new()) };
    params.iter().map(|(name, raw)| Ok((name.to_owned(), decode(raw)?))).collect()
}

fn decode(raw: &str) -> Result<String, Problem> {
    let wrong = || Problem::new(ProblemKind::MalformedRequest, "A parameter of the path is not percent-encoded UTF-8");
    if !raw.contains('%') {
        return Ok(raw.to_owned());
    }
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(raw).collect();
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    if text.contains('\0') { Err(wrong()) } else { Ok(text) }
}
