//! The small languages inside manifests, compiled once when the catalog is made: MiniJinja settings, idempotency keys,
//! signed payloads and shapes of signature headers.
//!
//! Compiling finds what can be wrong without a request (syntax, unknown names, filters and tests); rendering needs a
//! [`Scope`]. Work per rendering is bounded by fuel, its result by [`MOST_TEXT`], and every undefined name is an error, so a
//! template can neither hang nor silently write nothing.

use std::{borrow::Cow, collections::BTreeMap, fmt, io, sync::Arc, sync::LazyLock};

use minijinja::{
    Environment, Error, ErrorKind, UndefinedBehavior, Value as TemplateValue,
    value::{Enumerator, Object},
};
use serde_json::Value;

mod vocabulary;

/// The names that a template may use.
pub const ROOTS: &[&str] = &["body", "headers", "query", "path", "contract", "now"];

/// The names that the body template of an outbound call may use.
pub const CALL_ROOTS: &[&str] = &["event", "contract", "now"];

/// Instructions that one rendering may execute.
const FUEL: u64 = 50_000;

/// Most bytes of text in one rendered setting.
pub const MOST_TEXT: usize = 4 * 1024 * 1024;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment
});

/// What a template sees: the request (or the event), the contract and the time.
#[derive(Debug, Clone)]
pub struct Scope(TemplateValue);

impl Scope {
    /// The scope of a request. `headers` may repeat; the first of a name wins.
    pub fn request<'a>(
        body: &Value,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        query: impl IntoIterator<Item = (&'a str, &'a str)>,
        path: impl IntoIterator<Item = (&'a str, &'a str)>,
        contract: (&str, &str),
        now: &str,
    ) -> Self {
        let mut by_name = BTreeMap::new();
        for (name, value) in headers {
            by_name.entry(name.to_ascii_lowercase()).or_insert_with(|| value.to_owned());
        }
        let query: BTreeMap<&str, &str> = query.into_iter().collect();
        let path: BTreeMap<&str, &str> = path.into_iter().collect();
        Self(minijinja::context! {
            body => TemplateValue::from(minijinja::value::Serde(body)),
            headers => TemplateValue::from_object(Headers(by_name)),
            query => TemplateValue::from(minijinja::value::Serde(query)),
            path => TemplateValue::from(minijinja::value::Serde(path)),
            contract => minijinja::context! { id => contract.0, name => contract.1 },
            now => now,
        })
    }

    /// The scope of an outbound event.
    pub fn event(event: &Value, contract: (&str, &str), now: &str) -> Self {
        Self(minijinja::context! {
            event => TemplateValue::from(minijinja::value::Serde(event)),
            contract => minijinja::context! { id => contract.0, name => contract.1 },
            now => now,
        })
    }
}

/// Request headers as a template sees them: names without regard to case, `_` standing for `-`.
#[derive(Debug)]
struct Headers(BTreeMap<String, String>);

impl Object for Headers {
    fn get_value(self: &Arc<Self>, key: &TemplateValue) -> Option<TemplateValue> {
        let name = key.as_str()?.to_ascii_lowercase();
        self.0.get(&name).or_else(|| self.0.get(&name.replace('_', "-"))).map(|value| TemplateValue::from(value.as_str()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|name| TemplateValue::from(name.as_str())).collect())
    }
}

/// A template that could not be compiled or rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// What is wrong, in one sentence.
    pub message: String,
    /// JSON pointer of the setting, from the root of the settings.
    pub pointer: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            write!(formatter, "{}", self.message)
        } else {
            write!(formatter, "{}: {}", self.pointer, self.message)
        }
    }
}

impl std::error::Error for TemplateError {}

/// A tree of settings in which every string is a compiled template.
#[derive(Debug, Clone)]
pub struct Templates(Node);

#[derive(Debug, Clone)]
enum Node {
    Plain(Value),
    Text(Arc<Text>),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

#[derive(Debug)]
enum Text {
    /// Exactly one `{{ expression }}`: the value keeps its JSON type.
    Expression(minijinja::Expression<'static, 'static>),
    /// Text with expressions and statements in it.
    Mixed(Environment<'static>),
}

const ONLY: &str = "template";

impl Templates {
    /// Compiles every string of `settings`. Returns every error, each with the pointer of its setting.
    pub fn compile(settings: &Value, roots: &[&str]) -> Result<Self, Vec<TemplateError>> {
        let mut errors = Vec::new();
        let node = compile_node(settings, "", roots, &mut errors);
        if errors.is_empty() { Ok(Self(node)) } else { Err(errors) }
    }

    /// Renders every string. `Err` names the setting that failed.
    pub fn render(&self, scope: &Scope) -> Result<Value, TemplateError> {
        render_node(&self.0, "", scope)
    }

    /// The settings as they are for every request, when nothing in the tree depends on one.
    pub fn constant(&self) -> Option<&Value> {
        match &self.0 {
            Node::Plain(value) => Some(value),
            Node::Text(_) | Node::List(_) | Node::Map(_) => None,
        }
    }

    /// Whether a template of the tree names this root.
    pub fn names(&self, root: &str) -> bool {
        fn names(node: &Node, root: &str) -> bool {
            match node {
                Node::Plain(_) => false,
                Node::Text(text) => match &**text {
                    Text::Expression(expression) => expression.undeclared_variables(false).contains(root),
                    Text::Mixed(environment) => {
                        environment.get_template(ONLY).is_ok_and(|template| template.undeclared_variables(false).contains(root))
                    }
                },
                Node::List(items) => items.iter().any(|node| names(node, root)),
                Node::Map(items) => items.iter().any(|(_, node)| names(node, root)),
            }
        }
        names(&self.0, root)
    }

    /// Whether nothing in the tree depends on a request.
    pub fn is_constant(&self) -> bool {
        self.constant().is_some()
    }
}

/// A tree in which nothing has to be filled in is one plain value.
fn compile_node(value: &Value, pointer: &str, roots: &[&str], errors: &mut Vec<TemplateError>) -> Node {
    let is_plain = |node: &Node| matches!(node, Node::Plain(_));
    match value {
        Value::String(text) => match compile_text(text, roots) {
            Ok(Some(text)) => Node::Text(Arc::new(text)),
            Ok(None) => Node::Plain(value.clone()),
            Err(messages) => {
                errors.extend(messages.into_iter().map(|message| TemplateError { message, pointer: pointer.to_owned() }));
                Node::Plain(Value::Null)
            }
        },
        Value::Array(items) => {
            let compile = |(index, item)| compile_node(item, &format!("{pointer}/{index}"), roots, errors);
            let nodes: Vec<Node> = items.iter().enumerate().map(compile).collect();
            if nodes.iter().all(is_plain) { Node::Plain(value.clone()) } else { Node::List(nodes) }
        }
        Value::Object(map) => {
            let mut compile = |(key, item): (&String, &Value)| {
                (key.clone(), compile_node(item, &format!("{pointer}/{}", escape_pointer(key)), roots, errors))
            };
            let nodes: Vec<(String, Node)> = map.iter().map(&mut compile).collect();
            if nodes.iter().all(|(_, node)| is_plain(node)) { Node::Plain(value.clone()) } else { Node::Map(nodes) }
        }
        other => Node::Plain(other.clone()),
    }
}

/// A reference token of a JSON pointer (RFC 6901 section 3).
pub fn escape_pointer(token: &str) -> Cow<'_, str> {
    if token.contains(['~', '/']) { Cow::Owned(token.replace('~', "~0").replace('/', "~1")) } else { Cow::Borrowed(token) }
}

/// `None` when the text has nothing to fill in.
fn compile_text(text: &str, roots: &[&str]) -> Result<Option<Text>, Vec<String>> {
    if !text.contains("{{") && !text.contains("{%") && !text.contains("{#") {
        return Ok(None);
    }
    if let Some(expression) = only_expression(text) {
        let compiled = ENVIRONMENT.compile_expression_owned(expression.to_owned()).map_err(|error| vec![describe(&error)])?;
        check_names(compiled.undeclared_variables(false), compiled.undeclared_variables(true), roots)?;
        refuse(vocabulary::check(text, roots, &ENVIRONMENT))?;
        return Ok(Some(Text::Expression(compiled)));
    }
    let mut environment = ENVIRONMENT.clone();
    environment.add_template_owned(ONLY, text.to_owned()).map_err(|error| vec![describe(&error)])?;
    let template = environment.get_template(ONLY).map_err(|error| vec![describe(&error)])?;
    check_names(template.undeclared_variables(false), template.undeclared_variables(true), roots)?;
    refuse(vocabulary::check(text, roots, &ENVIRONMENT))?;
    Ok(Some(Text::Mixed(environment)))
}

fn refuse(found: Vec<String>) -> Result<(), Vec<String>> {
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// The expression, when the text is exactly one `{{ expression }}`.
fn only_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}") && !inner.contains("{%")).then(|| inner.trim_matches('-').trim())
}

/// `names` are the names that the template does not make itself, `members` the same with the fields that it takes of them.
fn check_names(
    names: impl IntoIterator<Item = String>,
    members: impl IntoIterator<Item = String>,
    roots: &[&str],
) -> Result<(), Vec<String>> {
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let is_unknown = |name: &String| !roots.contains(&name.as_str()) && ENVIRONMENT.globals().all(|(global, _)| global != name);
    let unknown = sorted(names.into_iter().filter(is_unknown).collect());
    let is_foreign = |name: &String| name.strip_prefix("contract.").is_some_and(|field| !matches!(field, "id" | "name"));
    let foreign = sorted(members.into_iter().filter(is_foreign).collect());
    let unknown = unknown
        .into_iter()
        .map(|name| format!("the template names `{name}`, which cannot exist; it may use {}", roots.join(", ")));
    let foreign = foreign
        .into_iter()
        .map(|name| format!("the template names `{name}`; of its contract it sees `contract.id` and `contract.name`"));
    refuse(unknown.chain(foreign).collect())
}

/// The error in one line, without the source (which may hold a request's values).
fn describe(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

fn render_node(node: &Node, pointer: &str, scope: &Scope) -> Result<Value, TemplateError> {
    match node {
        Node::Plain(value) => Ok(value.clone()),
        Node::Text(text) => {
            render_text(text, scope).map_err(|error| TemplateError { message: describe(&error), pointer: pointer.to_owned() })
        }
        Node::List(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| render_node(item, &format!("{pointer}/{index}"), scope))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::Array),
        Node::Map(items) => items
            .iter()
            .map(|(key, item)| Ok((key.clone(), render_node(item, &format!("{pointer}/{}", escape_pointer(key)), scope)?)))
            .collect::<Result<serde_json::Map<_, _>, _>>()
            .map(Value::Object),
    }
}

fn render_text(text: &Text, scope: &Scope) -> Result<Value, Error> {
    match text {
        Text::Expression(expression) => {
            let value = expression.eval(scope.0.clone())?;
            if value.is_undefined() {
                return Err(Error::new(
                    ErrorKind::UndefinedError,
                    "the expression names something that the request does not have",
                ));
            }
            let value =
                serde_json::to_value(&value).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?;
            if text_of(&value) > MOST_TEXT { Err(too_much_text()) } else { Ok(value) }
        }
        Text::Mixed(environment) => {
            let mut output = Bounded::default();
            let rendered = environment.get_template(ONLY)?.render_captured_to(scope.0.clone(), &mut output);
            if output.is_full {
                return Err(too_much_text());
            }
            rendered?;
            let text = String::from_utf8(output.text);
            text.map(Value::String).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
        }
    }
}

fn too_much_text() -> Error {
    Error::new(ErrorKind::InvalidOperation, "the template makes more than 4 MiB of text")
}

/// Bytes of text in a value.
fn text_of(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(text_of).sum(),
        Value::Object(map) => map.iter().map(|(key, value)| key.len() + text_of(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Takes text until there is too much of it.
#[derive(Debug, Default)]
struct Bounded {
    text: Vec<u8>,
    is_full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.text.len() + text.len() > MOST_TEXT {
            self.is_full = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.text.extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The expression of an idempotency key.
#[derive(Debug, Clone)]
pub enum KeyExpression {
    /// `header.NAME`.
    Header(String),
    /// `query.NAME`.
    Query(String),
    /// `path.NAME`.
    Path(String),
    /// `body.FIELD.FIELD`, as the tokens of a JSON pointer.
    Body(Vec<String>),
    /// A template over the whole request.
    Template {
        /// As written.
        source: String,
        /// Compiled.
        template: Templates,
    },
}

impl PartialEq for KeyExpression {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl KeyExpression {
    /// Compiles the expression.
    pub fn compile(source: &str) -> Result<Self, TemplateError> {
        let error = |message: String| TemplateError { message, pointer: String::new() };
        if source.contains("{{") {
            let value = Value::String(source.to_owned());
            let template = Templates::compile(&value, ROOTS).map_err(|mut errors| errors.remove(0))?;
            return Ok(Self::Template { source: source.to_owned(), template });
        }
        match source.split_once('.') {
            Some((_, "")) | None => {}
            Some(("header", name)) => return Ok(Self::Header(name.to_owned())),
            Some(("query", name)) => return Ok(Self::Query(name.to_owned())),
            Some(("path", name)) => return Ok(Self::Path(name.to_owned())),
            Some(("body", fields)) if fields.split('.').all(|field| !field.is_empty()) => {
                return Ok(Self::Body(fields.split('.').map(str::to_owned).collect()));
            }
            Some(_) => {}
        }
        Err(error(format!(
            "`{source}` is not a key expression: write header.NAME, query.NAME, path.NAME, body.FIELD or a template with {{{{ }}}}"
        )))
    }

    /// As written.
    pub fn source(&self) -> String {
        match self {
            Self::Header(name) => format!("header.{name}"),
            Self::Query(name) => format!("query.{name}"),
            Self::Path(name) => format!("path.{name}"),
            Self::Body(fields) => format!("body.{}", fields.join(".")),
            Self::Template { source, .. } => source.clone(),
        }
    }

    /// Whether the body has to be parsed to find the key.
    pub fn reads_body(&self) -> bool {
        matches!(self, Self::Body(_) | Self::Template { .. })
    }
}

/// What a signature is computed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPayload(pub Vec<PayloadPart>);

/// A part of a signed payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayloadPart {
    /// Text as written.
    Text(String),
    /// The raw body.
    Body,
    /// The timestamp as it was received.
    Timestamp,
    /// The message id as it was received.
    Id,
}

impl SignedPayload {
    /// Parses a payload template: text with `{body}`, `{timestamp}` and `{id}`.
    pub fn parse(source: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        for piece in pieces(source)? {
            parts.push(match piece {
                Piece::Text(text) => PayloadPart::Text(text.to_owned()),
                Piece::Field("body") => PayloadPart::Body,
                Piece::Field("timestamp") => PayloadPart::Timestamp,
                Piece::Field("id") => PayloadPart::Id,
                Piece::Field(name) => {
                    return Err(format!(
                        "`{{{name}}}` is not known here: a payload is made of {{body}}, {{timestamp}} and {{id}}"
                    ));
                }
            });
        }
        if !parts.contains(&PayloadPart::Body) {
            return Err("the payload leaves out {body}: such a signature would not protect what is delivered".to_owned());
        }
        Ok(Self(parts))
    }

    /// Whether the payload names this part.
    pub fn names(&self, part: &PayloadPart) -> bool {
        self.0.contains(part)
    }
}

impl fmt::Display for SignedPayload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            PayloadPart::Text(text) => formatter.write_str(text),
            PayloadPart::Body => formatter.write_str("{body}"),
            PayloadPart::Timestamp => formatter.write_str("{timestamp}"),
            PayloadPart::Id => formatter.write_str("{id}"),
        })
    }
}

/// Shape of a signature header with parts: each element starts with a text and ends with a field. `t={timestamp},v1={signature}`
/// is separated by commas; a single element, as `v1,{signature}`, may repeat and is separated by spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureShape {
    /// Between two elements.
    pub separator: char,
    /// Text before the timestamp, when the header carries one.
    pub timestamp: Option<String>,
    /// Text before a signature; elements of this kind may repeat.
    pub signature: String,
}

impl SignatureShape {
    /// Parses a shape.
    pub fn parse(source: &str) -> Result<Self, String> {
        let pieces = pieces(source)?;
        let mut separator = None;
        let (mut timestamp, mut signature) = (None, None);
        let mut before = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    before = text.to_owned();
                    if timestamp.is_some() || signature.is_some() {
                        let first = before.remove(0);
                        if separator.replace(first).is_some_and(|earlier| earlier != first) {
                            return Err("the parts of the shape are separated by different characters".to_owned());
                        }
                    }
                }
                Piece::Field("timestamp") if timestamp.is_none() => timestamp = Some(std::mem::take(&mut before)),
                Piece::Field("signature") if signature.is_none() => signature = Some(std::mem::take(&mut before)),
                Piece::Field(name @ ("timestamp" | "signature")) => return Err(format!("`{{{name}}}` is named twice")),
                Piece::Field(name) => {
                    return Err(format!("`{{{name}}}` is not known here: a shape is made of {{timestamp}} and {{signature}}"));
                }
            }
        }
        let signature = signature.ok_or("the shape leaves out {signature}")?;
        if timestamp.is_some() && separator.is_none() {
            return Err("the parts of the shape have nothing between them".to_owned());
        }
        Ok(Self { separator: separator.unwrap_or(' '), timestamp, signature })
    }

    /// The timestamp and the signatures of a header's value; parts of other kinds are passed over.
    pub fn read<'a>(&self, header: &'a str) -> (Option<&'a str>, Vec<&'a str>) {
        let (mut timestamp, mut signatures) = (None, Vec::new());
        for element in header.split(self.separator).map(str::trim) {
            if let Some(value) = self.timestamp.as_deref().and_then(|before| element.strip_prefix(before)) {
                timestamp = timestamp.or(Some(value));
            } else if let Some(value) = element.strip_prefix(self.signature.as_str()) {
                signatures.push(value);
            }
        }
        (timestamp, signatures)
    }

    /// A header's value of this shape.
    pub fn write(&self, timestamp: &str, signature: &str) -> String {
        match &self.timestamp {
            Some(before) => format!("{before}{timestamp}{}{}{signature}", self.separator, self.signature),
            None => format!("{}{signature}", self.signature),
        }
    }
}

impl fmt::Display for SignatureShape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.write("{timestamp}", "{signature}"))
    }
}

enum Piece<'a> {
    Text(&'a str),
    Field(&'a str),
}

fn pieces(source: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = source;
    while !rest.is_empty() {
        let (text, after) = rest.split_once('{').map_or((rest, None), |(text, after)| (text, Some(after)));
        if text.contains('}') {
            return Err("a `}` stands without its `{`".to_owned());
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        let Some(after) = after else { break };
        let (name, after) = after.split_once('}').ok_or("a `{` stands without its `}`")?;
        pieces.push(Piece::Field(name));
        rest = after;
    }
    Ok(pieces)
}
