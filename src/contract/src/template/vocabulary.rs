//! What a template may say beyond being well-formed: the filters, tests and functions that there are, and nothing whose work or
//! memory a request could choose.
//!
//! MiniJinja looks names up when a template runs, so a misspelt filter would be found by the first request. This reads the
//! code of a template that parses as a row of tokens and looks them up when the catalog is made. It does not parse: what
//! depends on values (the kind of a filter's input, a field that a request lacks) is still found by rendering.

use minijinja::{Environment, ErrorKind};

/// Statements that need a second template.
const OTHER_TEMPLATES: [&str; 5] = ["block", "extends", "from", "import", "include"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Text(&'a str),
    Sign(char),
}

use Token::{Sign, Text, Word};

/// A run of code: an expression, or a statement.
struct Code<'a> {
    is_statement: bool,
    tokens: Vec<Token<'a>>,
}

/// Everything that stands against the code of a template which parses.
pub(super) fn check(source: &str, roots: &[&str], environment: &Environment<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for code in codes(source) {
        check_code(&code, roots, environment, &mut found);
    }
    found.dedup();
    found
}

fn check_code(code: &Code<'_>, roots: &[&str], environment: &Environment<'_>, found: &mut Vec<String>) {
    let tokens = code.tokens.as_slice();
    let at = |index: usize| tokens.get(index).copied();
    if code.is_statement {
        match (at(0), at(1)) {
            (Some(Word(word)), _) if OTHER_TEMPLATES.contains(&word) => {
                found.push(format!("`{{% {word} %}}` needs another template, and a setting is a template of its own"));
            }
            (Some(Word("filter")), Some(Word(name))) => found.extend(unknown_filter(name, environment)),
            _ => {}
        }
    }
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).and_then(at);
        match *token {
            Sign('*') => found.push(
                "a template has no `*` and `**`: a list times a number of the request could fill the memory; compute where the \
                 number comes from"
                    .to_owned(),
            ),
            Sign('|') => {
                let Some(Word(name)) = at(index + 1) else { continue };
                found.extend(unknown_filter(name, environment));
                if at(index + 2) == Some(Sign('(')) {
                    by_name(name, at(index + 3), at(index + 4), environment, found);
                }
            }
            Word("tojson") if at(index + 1) == Some(Sign('(')) && at(index + 2) != Some(Sign(')')) => found.push(indented()),
            Word("is") if before != Some(Sign('.')) => {
                let name = if at(index + 1) == Some(Word("not")) { at(index + 2) } else { at(index + 1) };
                if let Some(Word(name)) = name {
                    found.extend(unknown_test(name, environment));
                }
            }
            Word(name) if at(index + 1) == Some(Sign('(')) && before == Some(Sign('.')) => {
                let of_loop = index.checked_sub(2).and_then(at) == Some(Word("loop"));
                if !of_loop {
                    found.push(format!("`.{name}()` calls a method, and values have none here; filters are written `| {name}`"));
                }
            }
            Word(name)
                if at(index + 1) == Some(Sign('('))
                    && roots.contains(&name)
                    && !matches!(before, Some(Sign('|') | Word("is" | "not" | "macro"))) =>
            {
                found.push(format!("`{name}` is a value and not a function: leave out its parentheses"));
            }
            _ => {}
        }
    }
}

/// Filters that take the name of another filter or of a test.
fn by_name(
    filter: &str,
    first: Option<Token<'_>>,
    after: Option<Token<'_>>,
    environment: &Environment<'_>,
    found: &mut Vec<String>,
) {
    match (filter, first) {
        ("map", Some(Text(name))) => {
            found.extend(unknown_filter(name, environment));
            if name == "tojson" && after != Some(Sign(')')) {
                found.push(indented());
            }
        }
        ("map", Some(Word("attribute"))) if after == Some(Sign('=')) => {}
        ("map", _) => found.push("`map` takes the name of a filter in quotes, or `attribute=`".to_owned()),
        ("select" | "reject", Some(Text(name))) => found.extend(unknown_test(name, environment)),
        _ => {}
    }
}

fn indented() -> String {
    "`tojson` takes no indent here: the size of what it makes would be the template's and not the request's".to_owned()
}

fn unknown_filter(name: &str, environment: &Environment<'_>) -> Option<String> {
    let error = environment.empty_state().apply_filter(name, &[]).err()?;
    (error.kind() == ErrorKind::UnknownFilter).then(|| format!("there is no filter `{name}`"))
}

fn unknown_test(name: &str, environment: &Environment<'_>) -> Option<String> {
    let error = environment.empty_state().perform_test(name, &[]).err()?;
    (error.kind() == ErrorKind::UnknownTest).then(|| format!("there is no test `{name}`"))
}

/// The code of a template, without its text, comments and raw parts.
fn codes(source: &str) -> Vec<Code<'_>> {
    let mut codes = Vec::new();
    let mut rest = source;
    while let Some(start) = rest.find("{{").into_iter().chain(rest.find("{%")).chain(rest.find("{#")).min() {
        let (open, after) = rest[start..].split_at(2);
        if open == "{#" {
            let Some((_, after)) = after.split_once("#}") else { break };
            rest = after;
            continue;
        }
        let is_statement = open == "{%";
        let (tokens, after) = tokens(after, if is_statement { "%}" } else { "}}" });
        rest = match tokens.first() {
            Some(Word("raw")) if is_statement => match after.split_once("endraw") {
                Some((_, after)) => after.split_once("%}").map_or("", |(_, after)| after),
                None => "",
            },
            _ => after,
        };
        codes.push(Code { is_statement, tokens });
    }
    codes
}

/// The tokens up to `close` outside of texts and brackets, and what follows it.
fn tokens<'a>(source: &'a str, close: &str) -> (Vec<Token<'a>>, &'a str) {
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    // White space control stands beside the delimiters and is no operator.
    let mut rest = source.strip_prefix(['-', '+']).unwrap_or(source);
    while let Some(first) = rest.chars().next() {
        if depth == 0
            && let Some(after) = rest.strip_prefix(close)
        {
            return (tokens, after);
        }
        let length = match first {
            '"' | '\'' => {
                let length = text_length(rest, first);
                tokens.push(Text(rest[1..length].strip_suffix(first).unwrap_or(&rest[1..length])));
                length
            }
            _ if first.is_alphanumeric() || first == '_' => {
                let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                tokens.push(Word(&rest[..length]));
                length
            }
            _ => {
                match first {
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                if !first.is_whitespace() {
                    tokens.push(Sign(first));
                }
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    (tokens, "")
}

/// The length of the text that `source` begins with, quotes and escapes included.
fn text_length(source: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (position, char) in source.char_indices().skip(1) {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if char == quote => return position + 1,
            _ => {}
        }
    }
    source.len()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use crate::template::{MOST_TEXT, ROOTS, Scope, Templates};

    fn refusal(template: &str) -> Option<String> {
        Templates::compile(&json!(template), ROOTS).err().map(|errors| {
            let messages: Vec<String> = errors.into_iter().map(|error| error.message).collect();
            messages.join("; ")
        })
    }

    #[test]
    fn ordinary_templates_are_clean() {
        for template in [
            "**bold** and * a point {{ body.title }} 2 * 3",
            "{{ body.stars | default('*') }}",
            "{{ body.a | default(\"a \\\" * b\") | upper }}",
            "{{ {'a': {'b': body.x}} | tojson }} {{- body.x -}} {{ body | tojson() }}",
            "{% for label in body.labels %}{{ loop.index }} {{ loop.cycle('a', 'b') }} {{ label | title }}{% endfor %}",
            "{% if body.a is not none and body.b is divisibleby(2) and body.c is in [1, 2] %}x{% endif %}",
            "{{ body.labels | map(attribute='name') | map('upper') | select('string') | join(', ') }}",
            "{% filter upper %}a * b{% endfilter %}{# 2 * 3 | nofilter #}{% raw %}{{ a * b | nofilter }}{% endraw %}",
            "{% set x | upper %}a{% endset %}{{ x ~ range(3) | list | length }}",
            "{{ contract.id }} {{ contract.name }} {{ now }} {{ headers['x-y'] }}",
        ] {
            assert_eq!(refusal(template), None, "{template}");
        }
    }

    #[test]
    fn what_does_not_exist_is_found_before_any_request() {
        for (template, word) in [
            ("{{ body.a | nofilter }}", "no filter `nofilter`"),
            ("a {{ body.a | upper | nofilter(1) }}", "no filter `nofilter`"),
            ("{% filter nofilter %}{% endfilter %}", "no filter `nofilter`"),
            ("{% set x | nofilter %}{% endset %}", "no filter `nofilter`"),
            ("{{ body.a | map('nofilter') | list }}", "no filter `nofilter`"),
            ("{{ body.a | map(body.b) | list }}", "in quotes"),
            ("{{ 1 if body.a is not nice else 2 }}", "no test `nice`"),
            ("{{ body.a | select('nice') }}", "no test `nice`"),
            ("{{ lookup('a') }}", "`lookup`"),
            ("{{ now() }}", "leave out its parentheses"),
            ("{{ body.title.upper() }}", "`| upper`"),
            ("{% include 'other' %}", "another template"),
            ("{{ contract.owner }}", "`contract.owner`"),
            ("x {{ contract.id.x }}", "`contract.id.x`"),
        ] {
            let found = refusal(template).unwrap_or_else(|| panic!("{template} is clean"));
            assert!(found.contains(word), "{template}: {found}");
        }
    }

    #[test]
    fn nothing_multiplies_what_a_request_sends() {
        for template in [
            "{{ body.s * body.n }}",
            "{{ 2 ** body.n }}",
            "a {{ [body.s] * body.n }}",
            "{% set x = body.s * 9 %}{{ x }}",
            "{{ {'a': '}}' * 9} }}",
            "{{ body | tojson(100000000) }}",
            "{{ body | tojson(indent=body.n) }}",
            "{{ body.a | map('tojson', 100000000) | list }}",
        ] {
            assert!(refusal(template).is_some(), "{template}");
        }
    }

    #[test]
    fn a_rendered_setting_has_an_end() {
        let body = json!({"mebibyte": "x".repeat(1 << 20), "more": "x".repeat(MOST_TEXT + 1)});
        let scope = Scope::request(&body, [], [], [], ("a", "A"), "2026-11-23T10:00:00Z");
        let render = |template: &str| Templates::compile(&json!({"a": template}), ROOTS).unwrap().render(&scope);
        assert!(render("{{ body.mebibyte }}").is_ok() && render("{{ body.mebibyte }}{{ body.mebibyte }}").is_ok());
        for template in ["{{ body.more }}", "{{ [body.more] }}", "a {{ body.more }}"] {
            let error = render(template).unwrap_err();
            assert!(error.message.contains("4 MiB") && error.pointer == "/a", "{template}: {error}");
        }
        assert!(render(&"{{ body.mebibyte }}".repeat(5)).is_err());
    }
}
