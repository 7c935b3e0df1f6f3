//! Findings for people: the line, an excerpt with a caret, and what to do. The excerpt is rendered by annotate-snippets, as
//! the Rust compiler's own are.

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet, renderer::DecorStyle};

use super::summary;
use crate::{
    finding::{Finding, Place, Severity},
    manifest::Folder,
};

/// Every finding with its excerpt from `folder`, and a last line that counts them. Empty when there is none.
pub fn render_human(findings: &[Finding], folder: &Folder, colour: bool) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for finding in findings {
        text.push_str(&renderer.render(&[group(finding, folder)]));
        text.push_str("\n\n");
    }
    text.push_str(&summary(findings));
    text.push('\n');
    text
}

fn group<'a>(finding: &'a Finding, folder: &'a Folder) -> Group<'a> {
    let level = match finding.rule.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(finding.message.as_str()).id(finding.rule.code);
    let mut group = title.elements(finding.place.as_ref().map(|place| source(place, folder)));
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    group
}

fn source<'a>(place: &'a Place, folder: &'a Folder) -> Element<'a> {
    let excerpt = folder.text(&place.file).and_then(|text| Excerpt::of(text, place));
    match excerpt {
        Some(excerpt) => Snippet::source(excerpt.lines)
            .path(place.file.as_str())
            .line_start(excerpt.first_line)
            .annotation(AnnotationKind::Primary.span(excerpt.span))
            .into(),
        None => Origin::path(place.file.as_str()).line(place.line as usize).char_column(place.column as usize).into(),
    }
}

/// The line of a place, cut out: a renderer that is given the whole file would walk all of it for each finding.
struct Excerpt<'a> {
    lines: &'a str,
    first_line: usize,
    span: std::ops::Range<usize>,
}

impl<'a> Excerpt<'a> {
    fn of(text: &'a str, place: &Place) -> Option<Self> {
        let (before, after) = (text.get(..place.start)?, text.get(place.start..)?);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = after.find('\n').map_or(text.len(), |newline| place.start + newline);
        let last = place.end.clamp(place.start, end);
        let last = if text.is_char_boundary(last) { last } else { end };
        let lines = text[start..end].trim_end_matches('\r');
        let limit = |offset: usize| (offset - start).min(lines.len());
        (!lines.trim().is_empty()).then(|| Self { lines, first_line: place.line as usize, span: limit(place.start)..limit(last) })
    }
}
