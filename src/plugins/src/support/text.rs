//! Text from strangers, made fit to be kept: bounded, without NUL (which PostgreSQL refuses) and, where it came as HTML,
//! without its tags. What is kept is still untrusted; whoever shows it has to escape it.

/// Characters that a title may have.
pub(crate) const TITLE_LIMIT: usize = 500;
/// Bytes that a body may have.
pub(crate) const BODY_LIMIT: usize = 256 * 1024;
/// Characters that a name (a label, a person) may have.
pub(crate) const NAME_LIMIT: usize = 100;

/// One line of at most [`TITLE_LIMIT`] characters.
pub(crate) fn title(text: &str) -> String {
    line(text, TITLE_LIMIT)
}

/// One line of at most [`NAME_LIMIT`] characters.
pub(crate) fn name(text: &str) -> String {
    line(text, NAME_LIMIT)
}

/// Text of at most [`BODY_LIMIT`] bytes; a longer one is cut at a character and says so.
pub(crate) fn body(text: &str) -> String {
    const CUT: &str = "\n\n[the rest was too long to be kept]";
    let text = text.replace('\0', "").replace("\r\n", "\n");
    let text = text.trim();
    if text.len() <= BODY_LIMIT {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(BODY_LIMIT - CUT.len());
    format!("{}{CUT}", &text[..end])
}

/// The start of a text, for a message.
pub(crate) fn excerpt(text: &str) -> String {
    line(text, 60)
}

fn line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.chars().count() > limit {
        line = line.chars().take(limit - 1).chain(['…']).collect();
    }
    line
}

/// The text of an HTML fragment: tags and comments dropped, `script` and `style` dropped with what is in them, block
/// elements on lines of their own, entities decoded once. It never fails; what is no markup is text.
pub(crate) fn from_html(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        push_decoded(&mut text, &rest[..start]);
        rest = &rest[start..];
        let Some(after) = skip_markup(rest, &mut text) else {
            text.push('<');
            rest = &rest[1..];
            continue;
        };
        rest = after;
    }
    push_decoded(&mut text, rest);
    tidy_lines(&text)
}

/// What follows the markup at the start of `html`; `None` when the `<` there begins none.
fn skip_markup<'a>(html: &'a str, text: &mut String) -> Option<&'a str> {
    if let Some(comment) = html.strip_prefix("<!--") {
        return Some(comment.find("-->").map_or("", |end| &comment[end + 3..]));
    }
    let inner = &html[1..];
    let closing = inner.starts_with('/');
    let name_start = inner.trim_start_matches('/');
    if !name_start.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!' || c == '?') {
        return None;
    }
    let name: String = name_start.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let after = &html[tag_end(html)..];
    if !closing && matches!(name.as_str(), "script" | "style") {
        return Some(after_element(after, &name));
    }
    match name.as_str() {
        "li" if !closing => text.push_str("\n- "),
        "br" | "p" | "div" | "ul" | "ol" | "tr" | "table" | "blockquote" | "pre" | "hr" | "h1" | "h2" | "h3" | "h4" | "h5"
        | "h6" => text.push('\n'),
        "td" | "th" => text.push(' '),
        _ => {}
    }
    Some(after)
}

/// The end of the tag at the start of `html`; a `>` inside a quoted attribute does not end it.
fn tag_end(html: &str) -> usize {
    let mut quote = None;
    for (index, character) in html.char_indices() {
        match (quote, character) {
            (None, '>') => return index + 1,
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
    }
    html.len()
}

fn after_element<'a>(html: &'a str, name: &str) -> &'a str {
    let ends = |start: usize| html.get(start + 2..start + 2 + name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name));
    let start = html.match_indices("</").map(|(start, _)| start).find(|start| ends(*start));
    start.map_or("", |start| &html[start + tag_end(&html[start..])..])
}

/// Bytes of the longest entity that is decoded, `&` and `;` included.
const LONGEST_ENTITY: usize = 12;

fn push_decoded(text: &mut String, encoded: &str) {
    let mut rest = encoded;
    while let Some(start) = rest.find('&') {
        text.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.bytes().take(LONGEST_ENTITY).position(|byte| byte == b';');
        let decoded = end.and_then(|end| Some((entity(&rest[1..end])?, end + 1)));
        let (character, length) = decoded.unwrap_or(('&', 1));
        text.push(character);
        rest = &rest[length..];
    }
    text.push_str(rest);
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        "hellip" => Some('…'),
        "ndash" => Some('–'),
        "mdash" => Some('—'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| *c != '\0')
        }
    }
}

/// Lines trimmed at their ends, at most one empty line between two.
fn tidy_lines(text: &str) -> String {
    let mut tidy = String::new();
    let mut empty = 0;
    for line in text.lines().map(|line| line.trim_end().trim_start_matches([' ', '\t'])) {
        if line.is_empty() {
            empty += 1;
            continue;
        }
        if !tidy.is_empty() {
            tidy.push_str(if empty > 0 { "\n\n" } else { "\n" });
        }
        empty = 0;
        tidy.push_str(line);
    }
    tidy
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn html_becomes_text() {
        for (html, text) in [
            ("<p></p>", ""),
            ("<p>hi</p>", "hi"),
            ("<p>a &amp;lt; b</p>", "a &lt; b"),
            ("a<br/>b", "a\nb"),
            ("<p>one</p><p>two</p>", "one\n\ntwo"),
            ("<ul><li>x</li><li>y</li></ul>", "- x\n- y"),
            ("<script>alert(1)</SCRIPT>safe<style>p{}</style>", "safe"),
            ("<img alt=\"a > b\">x", "x"),
            ("1 < 2 &lt;b&gt; &#x1F600; &#0; &bogus;", "1 < 2 <b> 😀 &#0; &bogus;"),
            ("<!-- <b>hidden</b> -->shown", "shown"),
            ("broken <b", "broken"),
            ("<script>never closed", ""),
        ] {
            assert_eq!(from_html(html), text, "{html}");
        }
    }

    #[test]
    fn titles_are_one_bounded_line() {
        assert_eq!(title(" a\0\n b\tc "), "a b c");
        assert_eq!(title(&"ü".repeat(900)).chars().count(), TITLE_LIMIT);
    }

    proptest! {
        #[test]
        fn any_html_is_survived(html in "[<>/a-z&;#x0-9\"' !é-]{0,60}") {
            prop_assert!(!from_html(&html).contains('\0'));
        }

        #[test]
        fn any_body_fits(text in ".{0,40}", times in 0..20_000_usize) {
            let kept = body(&text.repeat(times));
            prop_assert!(kept.len() <= BODY_LIMIT && !kept.contains('\0'));
        }
    }
}
