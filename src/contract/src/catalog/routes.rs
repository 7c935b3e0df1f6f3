//! Routes: every operation that the contracts mount, and that all of them can be mounted together. Paths are compared by
//! shape, and matchit (the router that will hold them) has the last word.

use std::collections::HashMap;

use super::{
    Deprecation, Method, Stage,
    identity::Source,
    paths::{PathError, parameters, shape},
};
use crate::{
    finding::{
        Finding, Place,
        rules::surface::{
            ALIAS_COLLIDES, ALIAS_PARAMETERS, PARAMETER_TWICE, PATH_MALFORMED, ROUTE_CONFLICT, ROUTE_DUPLICATE,
            ROUTE_WITHOUT_METHOD,
        },
    },
    manifest::{
        model::{Alias, Operation as Written, OperationDetail, RouteItem, SurfaceItem},
        node::Cursor,
    },
};

/// One method of a route as it was written.
pub(super) struct Operation<'a> {
    /// Position of the contract.
    pub(super) contract: usize,
    /// Position of the item in its surface.
    pub(super) item: usize,
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) params: Vec<String>,
    pub(super) handler: &'a str,
    pub(super) detail: Option<&'a OperationDetail>,
    pub(super) aliases: Vec<AliasUse<'a>>,
    /// At the operation (the value of `post`).
    pub(super) at: Cursor<'a>,
    /// At the item of the surface.
    pub(super) item_at: Cursor<'a>,
}

/// Another path to an operation.
#[derive(Clone, Copy)]
pub(super) struct AliasUse<'a> {
    pub(super) path: &'a str,
    pub(super) deprecated: Option<&'a Deprecation>,
    /// At the alias.
    pub(super) at: Cursor<'a>,
}

impl<'a> Operation<'a> {
    /// Where the handler is named.
    pub(super) fn handler_at(&self) -> Cursor<'a> {
        if self.detail.is_some() { self.at.key("handler") } else { self.at }
    }
}

/// Collects every operation whose path is one.
pub(super) fn operations<'a>(contracts: &[Source<'a>]) -> Stage<Vec<Operation<'a>>> {
    let (mut operations, mut findings) = (Vec::new(), Vec::new());
    for (contract, source) in contracts.iter().enumerate() {
        for (item, written, at) in source.items() {
            let SurfaceItem::Route(route) = written else { continue };
            let Some(params) = check_path(&route.route, at.key("route"), &mut findings) else { continue };
            let aliases = aliases(route, &params, at.key("aliases"), &mut findings);
            let before = operations.len();
            for (method, key, written) in methods(route) {
                let (handler, detail) = match written {
                    Written::Handler(name) => (name.as_str(), None),
                    Written::Detailed(detail) => (detail.handler.as_str(), Some(detail.as_ref())),
                };
                let (params, aliases) = (params.clone(), aliases.clone());
                operations.push(Operation {
                    contract,
                    item,
                    method,
                    path: &route.route,
                    params,
                    handler,
                    detail,
                    aliases,
                    at: at.key(key),
                    item_at: at,
                });
            }
            if operations.len() == before {
                let message = format!("nothing answers at `{}`", route.route);
                let finding = Finding::new(&ROUTE_WITHOUT_METHOD, message).at(at.key("route").place());
                findings.push(finding.help("name a handler for a method, as `post: engine.accept`"));
            }
        }
    }
    (operations, findings)
}

fn methods(route: &RouteItem) -> impl Iterator<Item = (Method, &'static str, &Written)> {
    let all = [
        (Method::Get, "get", &route.get),
        (Method::Post, "post", &route.post),
        (Method::Put, "put", &route.put),
        (Method::Patch, "patch", &route.patch),
        (Method::Delete, "delete", &route.delete),
    ];
    all.into_iter().filter_map(|(method, key, written)| written.as_ref().map(|written| (method, key, written)))
}

fn check_path(path: &str, at: Cursor<'_>, findings: &mut Vec<Finding>) -> Option<Vec<String>> {
    let finding = match parameters(path) {
        Ok(params) => return Some(params),
        Err(PathError::Segment(message)) => Finding::new(&PATH_MALFORMED, format!("`{path}` is not a path: {message}")),
        Err(PathError::Twice(name)) => {
            Finding::new(&PARAMETER_TWICE, format!("the parameter `{{{name}}}` stands twice in `{path}`"))
        }
    };
    findings.push(finding.at(at.place()));
    None
}

fn aliases<'a>(route: &'a RouteItem, params: &[String], at: Cursor<'a>, findings: &mut Vec<Finding>) -> Vec<AliasUse<'a>> {
    let mut uses = Vec::new();
    for (position, Alias { path, deprecated }) in route.aliases.iter().enumerate() {
        let at = at.index(position);
        let Some(mut own) = check_path(path, at.key("path"), findings) else { continue };
        let mut wanted = params.to_vec();
        own.sort();
        wanted.sort();
        if own != wanted {
            let list = |names: &[String]| match names {
                [] => "none".to_owned(),
                names => names.iter().map(|name| format!("`{{{name}}}`")).collect::<Vec<_>>().join(", "),
            };
            let message = format!("the alias has the parameters {}, and its route has {}", list(&own), list(&wanted));
            findings.push(Finding::new(&ALIAS_PARAMETERS, message).at(at.key("path").place()));
            continue;
        }
        uses.push(AliasUse { path, deprecated: deprecated.as_ref(), at });
    }
    uses
}

/// Everything that is mounted, by place.
pub(super) struct Mounts<'a> {
    /// What lies at each shape of path.
    pub(super) by_shape: HashMap<String, Mount<'a>>,
    /// Finds the shape of a concrete path.
    router: matchit::Router<String>,
}

/// What lies at one place.
pub(super) struct Mount<'a> {
    /// The path as it was written first.
    pub(super) path: &'a str,
    /// The operation of each method.
    pub(super) methods: HashMap<Method, Mounted>,
}

/// Who mounted a method.
pub(super) struct Mounted {
    /// Position of the operation.
    pub(super) operation: usize,
    place: Place,
}

impl Mounts<'_> {
    /// What lies at a path template.
    pub(super) fn at(&self, path: &str) -> Option<&Mount<'_>> {
        self.by_shape.get(&shape(path))
    }

    /// What answers a concrete path.
    pub(super) fn answering(&self, path: &str) -> Option<&Mount<'_>> {
        self.by_shape.get(self.router.at(path).ok()?.value)
    }
}

/// Lays every route and alias in its place; routes first, so that an alias is what collides.
pub(super) fn mount<'a>(contracts: &[Source<'a>], operations: &[Operation<'a>]) -> Stage<Mounts<'a>> {
    let mut mounts = Mounts { by_shape: HashMap::new(), router: matchit::Router::new() };
    let mut findings = Vec::new();
    for (position, operation) in operations.iter().enumerate() {
        let place = operation.at.key_place();
        let spelled = operation.item_at.key("route").place();
        if let Err(taken) = mounts.lay(operation.path, operation.method, position, place.clone()) {
            let message = match &taken {
                Taken::Method(other) => {
                    let id = &contracts[operations[*other].contract].manifest().id;
                    format!("{} {} is already mounted by `{id}`", operation.method.as_str(), operation.path)
                }
                Taken::Path(message) => message.clone(),
            };
            findings.push(taken.finding(
                &ROUTE_DUPLICATE,
                message,
                if taken.is_method() { place } else { spelled },
                &mounts,
                operation,
            ));
        }
    }
    for (position, operation) in operations.iter().enumerate() {
        for alias in &operation.aliases {
            let place = alias.at.key("path").place();
            if let Err(taken) = mounts.lay(alias.path, operation.method, position, place.clone()) {
                let message = match &taken {
                    Taken::Method(other) => {
                        let id = &contracts[operations[*other].contract].manifest().id;
                        format!("the alias {} lies where `{id}` already mounts a route", alias.path)
                    }
                    Taken::Path(message) => message.clone(),
                };
                findings.push(taken.finding(&ALIAS_COLLIDES, message, place, &mounts, operation));
            }
        }
    }
    (mounts, findings)
}

/// Why a route cannot be laid.
enum Taken {
    /// By this operation.
    Method(usize),
    /// The router cannot hold the path, in words.
    Path(String),
}

impl Taken {
    fn is_method(&self) -> bool {
        matches!(self, Self::Method(_))
    }

    fn finding(
        &self,
        duplicate: &'static crate::finding::Rule,
        message: String,
        place: Place,
        mounts: &Mounts<'_>,
        operation: &Operation<'_>,
    ) -> Finding {
        match self {
            Self::Path(_) => Finding::new(&ROUTE_CONFLICT, message).at(place).help("give the parameter one name everywhere"),
            Self::Method(_) => {
                let finding = Finding::new(duplicate, message).at(place);
                let first = mounts.at(operation.path).and_then(|mount| mount.methods.get(&operation.method));
                match first.filter(|_| std::ptr::eq(duplicate, &ROUTE_DUPLICATE)) {
                    Some(first) => finding.help(format!("the first is at {}:{}", first.place.file, first.place.line)),
                    None => finding,
                }
            }
        }
    }
}

impl<'a> Mounts<'a> {
    fn lay(&mut self, path: &'a str, method: Method, operation: usize, place: Place) -> Result<(), Taken> {
        let shape = shape(path);
        if let Some(mount) = self.by_shape.get_mut(&shape) {
            if let Some(other) = mount.methods.get(&method) {
                return Err(Taken::Method(other.operation));
            }
            if mount.path != path {
                return Err(Taken::Path(format!("`{path}` is spelled `{}` elsewhere", mount.path)));
            }
            mount.methods.insert(method, Mounted { operation, place });
            return Ok(());
        }
        if let Err(error) = self.router.insert(path, shape.clone()) {
            return Err(Taken::Path(format!("`{path}` cannot be mounted: {error}")));
        }
        let methods = HashMap::from([(method, Mounted { operation, place })]);
        self.by_shape.insert(shape, Mount { path, methods });
        Ok(())
    }
}

/// A method on a path in the order of publication.
#[derive(Clone, Copy)]
pub(super) struct Mountable<'o, 'a> {
    pub(super) path: &'a str,
    pub(super) operation: &'o Operation<'a>,
    /// Position of the operation.
    pub(super) position: usize,
    pub(super) alias: Option<AliasUse<'a>>,
}

/// Every route in the order of publication: by contract and item, methods first, then aliases with the methods of each.
pub(super) fn in_order<'o, 'a>(operations: &'o [Operation<'a>]) -> Vec<Mountable<'o, 'a>> {
    let mut all = Vec::new();
    let numbered: Vec<(usize, &Operation<'a>)> = operations.iter().enumerate().collect();
    for group in numbered.chunk_by(|(_, left), (_, right)| (left.contract, left.item) == (right.contract, right.item)) {
        all.extend(group.iter().map(|(position, operation)| Mountable {
            path: operation.path,
            operation,
            position: *position,
            alias: None,
        }));
        let aliases = group.first().map_or(0, |(_, operation)| operation.aliases.len());
        for alias in 0..aliases {
            all.extend(group.iter().filter_map(|(position, operation)| {
                let alias = *operation.aliases.get(alias)?;
                Some(Mountable { path: alias.path, operation, position: *position, alias: Some(alias) })
            }));
        }
    }
    all
}
