//! Paths: what a template may look like, its shape without the names of its parameters, and families.

/// A segment that stands for any value.
const ANY: &str = "{}";

/// The parameters of a path template, in order. The error says what is wrong and what to write.
pub(super) fn parameters(path: &str) -> Result<Vec<String>, PathError> {
    if path == "/" {
        return Ok(Vec::new());
    }
    let mut names: Vec<String> = Vec::new();
    for segment in path.trim_start_matches('/').split('/').chain(path.starts_with("//").then_some("")) {
        if let Some(name) = parameter(segment)? {
            if names.iter().any(|earlier| earlier == name) {
                return Err(PathError::Twice(name.to_owned()));
            }
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// What is wrong with a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PathError {
    /// A segment is not one, in words.
    Segment(String),
    /// A parameter stands twice.
    Twice(String),
}

fn parameter(segment: &str) -> Result<Option<&str>, PathError> {
    let error = |message: String| Err(PathError::Segment(message));
    if segment.is_empty() {
        return error("it has an empty segment (`//`, or a `/` at its end)".to_owned());
    }
    if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        return match first && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
            true => Ok(Some(name)),
            false => error(format!("`{{{name}}}` is not a parameter: name it in lower case, as `{{task_key}}`")),
        };
    }
    if segment.starts_with([':', '*']) {
        let name = segment.trim_start_matches([':', '*']);
        return error(format!("the segment `{segment}` starts with `{}`: write `{{{name}}}`", &segment[..1]));
    }
    if matches!(segment, "." | "..") {
        return error(format!("the segment `{segment}` would lead elsewhere"));
    }
    if segment.contains(['{', '}']) {
        return error(format!("a parameter is a whole segment, and `{segment}` is more than that"));
    }
    match segment.chars().find(|character| !(character.is_ascii_alphanumeric() || "-._~!$&'()+,;=@:*".contains(*character))) {
        Some(character) => error(format!("`{character}` does not belong in a path")),
        None => Ok(None),
    }
}

/// The path with its parameters unnamed: equal for paths that lie in the same place.
pub(super) fn shape(path: &str) -> String {
    path.split('/').map(|segment| if segment.starts_with('{') { ANY } else { segment }).collect::<Vec<_>>().join("/")
}

/// Whether a path lies below a family's pattern (`/api/v1/*`, `/a/{x}/n8n-expert*`). A parameter in the pattern stands for
/// any segment.
pub(super) fn is_below(path: &str, pattern: &str) -> bool {
    let prefix = pattern.strip_suffix('*').unwrap_or(pattern);
    let (whole, start) = prefix.rsplit_once('/').unwrap_or(("", prefix));
    let mut segments = path.split('/');
    let fits = whole.split('/').all(|wanted| segments.next().is_some_and(|segment| wanted.starts_with('{') || wanted == segment));
    fits && segments.next().is_some_and(|segment| segment.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_whole_segments() {
        assert_eq!(parameters("/a/{b}/c/{d_1}"), Ok(vec!["b".to_owned(), "d_1".to_owned()]));
        assert_eq!(parameters("/"), Ok(vec![]));
        for wrong in [
            "/a/",
            "//a",
            "/a//b",
            "/:id",
            "/*rest",
            "/a/{*rest}",
            "/a/{B}",
            "/a/x{b}",
            "/{}",
            "/a b",
            "/a?b",
            "/a/../b",
            "/ä",
            "/%20",
        ] {
            assert!(matches!(parameters(wrong), Err(PathError::Segment(_))), "{wrong}: {:?}", parameters(wrong));
        }
        assert_eq!(parameters("/{a}/{a}"), Err(PathError::Twice("a".to_owned())));
    }

    #[test]
    fn families_hold_what_is_below() {
        assert!(is_below("/api/v1/tasks", "/api/v1/*"));
        assert!(!is_below("/api/v2/tasks", "/api/v1/*"));
        assert!(!is_below("/api/v1", "/api/v1/*"));
        assert!(is_below("/p/{id}/n8n-expert/workflows", "/p/{project_id}/n8n-expert*"));
        assert!(!is_below("/p/{id}/n8n-operator", "/p/{project_id}/n8n-expert*"));
        assert!(is_below("/p/{id}/integrations/github/sync", "/p/{id}/integrations/{provider}/*"));
        assert!(!is_below("/p/{id}/integrations/{provider}/sync", "/p/{id}/integrations/plane/*"));
        assert!(is_below("/anything", "/*"));
    }
}
