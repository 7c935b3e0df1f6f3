//! The items of a surface that are no routes of the contract itself: calls, jobs, tools, commands, variables, files, families
//! and pointers to the routes of others; and whether all of them together fit the contract's direction.

use std::collections::{HashMap, HashSet};

use super::{
    Call, Direction, Job, Registry, Schedule, Stability, Stage, SurfaceItem, Tool,
    cron::Cron,
    handlers::Checker,
    identity::Source,
    paths::is_below,
    routes::{Mountable, Mounts, Operation, in_order},
    units::parse_duration,
};
use crate::{
    finding::{
        Finding, did_you_mean,
        rules::{
            delivery::DURATION_MALFORMED,
            handlers::{PARAMETER_MISSING, TEMPLATE_INVALID},
            surface::{
                CALL_BODY_IGNORED, COMMAND_UNKNOWN, CRON_MALFORMED, DIRECTION_CONTRADICTED, EVENT_TYPE, FAMILY_EMPTY,
                OUTBOUND_WITHOUT_MEANS, SCHEDULE, SEE_OWN_ROUTE, SEE_UNMOUNTED, SURFACE_TWICE, TOOL_DUPLICATE, TOOL_NAME,
                TOOL_UNSERVED, TOOL_WRITES,
            },
        },
    },
    handler::Effect,
    manifest::{
        model::{CallItem, CallMethod, JobItem, SurfaceItem as Written, ToolItem},
        node::Cursor,
    },
    template::{CALL_ROOTS, Templates},
};

/// The names that the settings of a job may use: there is no request.
const JOB_ROOTS: &[&str] = &["contract", "now"];

/// The programs of this package.
const PROGRAMS: [&str; 1] = ["mission-control"];

/// The resolved items of each contract by their position; routes are not among them.
pub(super) type Items = Vec<HashMap<usize, SurfaceItem>>;

pub(super) fn resolve(
    contracts: &[Source<'_>],
    operations: &[Operation<'_>],
    mounts: &Mounts<'_>,
    registry: &Registry<'_>,
) -> Stage<Items> {
    let mut stage = Resolver {
        contracts,
        operations,
        mounts,
        routes: in_order(operations),
        checker: Checker { registry, validators: HashMap::new(), findings: Vec::new() },
        tools: HashMap::new(),
    };
    let items = contracts
        .iter()
        .enumerate()
        .map(|(position, contract)| {
            stage.direction(contract);
            stage.repeated(contract);
            contract.items().filter_map(|(item, written, at)| Some((item, stage.item(position, written, at)?))).collect()
        })
        .collect();
    (items, stage.checker.findings)
}

struct Resolver<'s, 'a> {
    contracts: &'s [Source<'a>],
    operations: &'s [Operation<'a>],
    mounts: &'s Mounts<'a>,
    routes: Vec<Mountable<'s, 'a>>,
    checker: Checker<'s>,
    /// The contract of each tool.
    tools: HashMap<&'a str, &'a str>,
}

impl<'a> Resolver<'_, 'a> {
    fn push(&mut self, finding: Finding) {
        self.checker.findings.push(finding);
    }

    fn direction(&mut self, contract: &Source<'_>) {
        let manifest = contract.manifest();
        if manifest.stability == Stability::Planned {
            return;
        }
        let place = contract.cursor().key("direction").place();
        let has = |wanted: &dyn Fn(&Written) -> bool| contract.items().any(|(_, item, _)| wanted(item));
        if manifest.direction == Direction::Outbound {
            let means =
                |item: &Written| matches!(item, Written::Call(_) | Written::Job(_) | Written::Env(_) | Written::Script(_));
            if !has(&means) {
                let message = format!("`{}` is outbound, and nothing in its surface reaches out", manifest.id);
                let finding = Finding::new(&OUTBOUND_WITHOUT_MEANS, message).at(place.clone());
                self.push(finding.help("add a `call`, a `job`, an `env` or a `script` to its surface"));
            }
            if has(&|item| matches!(item, Written::Route(_))) {
                let finding = Finding::new(&DIRECTION_CONTRADICTED, "an outbound contract mounts a route").at(place);
                self.push(finding.help("write `direction: bidirectional`"));
            }
        } else if manifest.direction == Direction::Inbound && has(&|item| matches!(item, Written::Call(_))) {
            let finding = Finding::new(&DIRECTION_CONTRADICTED, "an inbound contract makes a call").at(place);
            self.push(finding.help("write `direction: bidirectional`"));
        }
    }

    fn repeated(&mut self, contract: &Source<'_>) {
        let mut seen = HashSet::new();
        for (_, item, at) in contract.items() {
            let name = match item {
                Written::Call(item) => ("call", &item.call),
                Written::Command(item) => ("command", &item.command),
                Written::Env(item) => ("env", &item.env),
                Written::File(item) => ("file", &item.file),
                Written::Script(item) => ("script", &item.script),
                Written::Family(item) => ("family", &item.family),
                Written::See(item) => ("see", &item.see),
                Written::Route(_) | Written::Job(_) | Written::Tool(_) => continue,
            };
            if !seen.insert(name) {
                let message = format!("`{}: {}` stands twice in this surface", name.0, name.1);
                self.push(Finding::new(&SURFACE_TWICE, message).at(at.first_key_place()));
            }
        }
    }

    fn item(&mut self, contract: usize, written: &'a Written, at: Cursor<'a>) -> Option<SurfaceItem> {
        Some(match written {
            Written::Route(_) => return None,
            Written::Call(item) => self.call(item, at)?,
            Written::Job(item) => self.job(item, at)?,
            Written::Tool(item) => self.tool(contract, item, at)?,
            Written::Command(item) => {
                self.command(&item.command, at);
                SurfaceItem::Command(item.command.clone())
            }
            Written::Env(item) => SurfaceItem::Env { name: item.env.clone(), migrations: item.migrations.clone() },
            Written::File(item) => SurfaceItem::File {
                glob: item.file.clone(),
                generated: item.generated,
                must_contain: item.must_contain.clone(),
                version_from: item.version_from.clone(),
            },
            Written::Script(item) => SurfaceItem::Script { path: item.script.clone(), version_from: item.version_from.clone() },
            Written::Family(item) => self.family(&item.family, at)?,
            Written::See(item) => self.see(contract, &item.see, at)?,
        })
    }

    fn call(&mut self, item: &CallItem, at: Cursor<'_>) -> Option<SurfaceItem> {
        for (position, event) in item.on.iter().enumerate() {
            if !is_event_type(event) {
                let message = format!("`{event}` is not an event type");
                let place = at.key("on").index(position).place();
                self.push(
                    Finding::new(&EVENT_TYPE, message).at(place).help("write words joined by dots, as `task.moved` or `task.*`"),
                );
            }
        }
        let method = match item.method {
            Some(CallMethod::Get) => "GET",
            None | Some(CallMethod::Post) => "POST",
            Some(CallMethod::Put) => "PUT",
            Some(CallMethod::Patch) => "PATCH",
            Some(CallMethod::Delete) => "DELETE",
        };
        if method == "GET" && item.body.is_some() {
            let message = "a GET has no body, so this template is never sent";
            self.push(Finding::new(&CALL_BODY_IGNORED, message).at(at.key("body").key_place()));
        }
        let body = match &item.body {
            None => None,
            Some(body) => {
                let value = body.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
                match Templates::compile(&serde_json::Value::Object(value), CALL_ROOTS) {
                    Ok(templates) => Some(templates),
                    Err(errors) => {
                        for error in errors {
                            let place = at.key("body").pointer(&error.pointer).place();
                            self.push(Finding::new(&TEMPLATE_INVALID, error.message).at(place));
                        }
                        return None;
                    }
                }
            }
        };
        Some(SurfaceItem::Call(Call { variable: item.call.clone(), method, on: item.on.clone(), body }))
    }

    fn job(&mut self, item: &JobItem, at: Cursor<'_>) -> Option<SurfaceItem> {
        let schedule = self.schedule(item, at);
        let handler = self.checker.handler(&item.job, at.key("job"))?;
        if let Some((name, meaning)) = handler.params.first() {
            let message = format!("`{}` needs the path parameter `{{{name}}}` ({meaning}), and a job has no path", handler.name);
            self.push(Finding::new(&PARAMETER_MISSING, message).at(at.key("job").place()));
        }
        let (with, templates) = self.checker.settings(&handler, item.with.as_ref(), JOB_ROOTS, at)?;
        Some(SurfaceItem::Job(Job { handler, schedule: schedule?, with, templates }))
    }

    fn schedule(&mut self, item: &JobItem, at: Cursor<'_>) -> Option<Schedule> {
        match (&item.every, &item.cron) {
            (Some(every), None) => match parse_duration(every) {
                Ok(every) if every.subsec_nanos() == 0 => return Some(Schedule::Every(every)),
                Ok(_) => {
                    let message = format!("`{every}` is not a whole number of seconds, and a job runs on a full second");
                    self.push(Finding::new(&SCHEDULE, message).at(at.key("every").place()).help("write it as `30s` or `15m`"));
                }
                Err(message) => self.push(Finding::new(&DURATION_MALFORMED, message).at(at.key("every").place())),
            },
            (None, Some(cron)) => match Cron::parse(cron) {
                Ok(_) => return Some(Schedule::Cron(cron.clone())),
                Err(message) => {
                    let finding = Finding::new(&CRON_MALFORMED, message).at(at.key("cron").place());
                    self.push(finding.help("write minute, hour, day of month, month and day of week, as `0 3 * * *`"));
                }
            },
            (None, None) => {
                let finding = Finding::new(&SCHEDULE, "nothing says when the job runs").at(at.key("job").place());
                self.push(finding.help("add `every: 15m` or `cron: \"0 3 * * *\"`"));
            }
            (Some(_), Some(_)) => {
                let message = "the job has an interval and a cron expression";
                self.push(Finding::new(&SCHEDULE, message).at(at.key("cron").key_place()).help("keep one of them"));
            }
        }
        None
    }

    fn tool(&mut self, contract: usize, item: &'a ToolItem, at: Cursor<'_>) -> Option<SurfaceItem> {
        let name = item.tool.as_str();
        let place = at.key("tool").place();
        let length = name.chars().count();
        if length > 64 {
            let message = format!("the name of the tool has {length} characters, and 64 are the most");
            self.push(Finding::new(&TOOL_NAME, message).at(place.clone()));
        } else if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
            let message = format!("`{name}` is not the name of a tool: it has letters, digits, `_` and `-`");
            self.push(Finding::new(&TOOL_NAME, message).at(place.clone()));
        }
        let unserved = Finding::new(&TOOL_UNSERVED, format!("nothing serves the tool `{name}`: this release has no MCP server"));
        self.push(unserved.at(place.clone()).help("leave the item out, or mount the handler with `route`"));
        let id = self.contracts[contract].manifest().id.as_str();
        if let Some(other) = self.tools.insert(name, id) {
            let message = format!("`{other}` already has a tool `{name}`");
            self.push(Finding::new(&TOOL_DUPLICATE, message).at(place));
        }
        let (handler, named) = match &item.handler {
            Some(handler) => (handler.as_str(), at.key("handler")),
            None => (name, at.key("tool")),
        };
        let handler = self.checker.handler(handler, named)?;
        match (handler.effect, item.writes) {
            (Effect::Write, false) => {
                let message = format!("`{}` changes state, and the tool does not say so", handler.name);
                self.push(Finding::new(&TOOL_WRITES, message).at(named.place()).help("add `writes: true`"));
            }
            (Effect::Read, true) => {
                let message = format!("`{}` only reads, and the tool says that it writes", handler.name);
                self.push(Finding::new(&TOOL_WRITES, message).at(at.key("writes").place()).help("leave `writes` out"));
            }
            (Effect::Write, true) | (Effect::Read, false) => {}
        }
        Some(SurfaceItem::Tool(Tool { name: name.to_owned(), handler, family: item.family.clone(), writes: item.writes }))
    }

    fn command(&mut self, name: &str, at: Cursor<'_>) {
        if !PROGRAMS.contains(&name) {
            let finding = Finding::new(&COMMAND_UNKNOWN, format!("this package has no program `{name}`"));
            let help = did_you_mean(name, PROGRAMS).unwrap_or_else(|| format!("it has {}", PROGRAMS.join(", ")));
            self.push(finding.at(at.key("command").place()).help(help));
        }
    }

    fn family(&mut self, pattern: &str, at: Cursor<'_>) -> Option<SurfaceItem> {
        let below: Vec<String> = self
            .routes
            .iter()
            .filter(|route| is_below(route.path, pattern))
            .map(|route| format!("{} {}", route.operation.method.as_str(), route.path))
            .collect();
        if below.is_empty() {
            let message = format!("no route lies below `{pattern}`");
            self.push(Finding::new(&FAMILY_EMPTY, message).at(at.key("family").place()));
            return None;
        }
        Some(SurfaceItem::Family { pattern: pattern.to_owned(), routes: below })
    }

    fn see(&mut self, contract: usize, path: &str, at: Cursor<'_>) -> Option<SurfaceItem> {
        let place = at.key("see").place();
        let Some(mount) = self.mounts.at(path) else {
            let known: Vec<&str> = self.routes.iter().map(|route| route.path).collect();
            let finding = Finding::new(&SEE_UNMOUNTED, format!("nobody mounts `{path}`")).at(place);
            self.push(match did_you_mean(path, known) {
                Some(help) => finding.help(help),
                None => finding.help("mount it in a contract with `route:`, or point at one that is mounted"),
            });
            return None;
        };
        let mut owners: Vec<usize> = mount.methods.values().map(|mounted| self.operations[mounted.operation].contract).collect();
        owners.sort_unstable();
        let Some(owner) = owners.iter().find(|owner| **owner != contract) else {
            let message = format!("this contract mounts `{path}` itself");
            self.push(Finding::new(&SEE_OWN_ROUTE, message).at(place).help("leave the item out"));
            return None;
        };
        let contract = self.contracts[*owner].manifest().id.clone();
        Some(SurfaceItem::See { path: path.to_owned(), contract })
    }
}

/// Whether a text is an event type, or a pattern of some.
pub(super) fn is_event_type(text: &str) -> bool {
    let stem = text.strip_suffix('*').unwrap_or(text);
    let stem = if text.ends_with('*') { stem.strip_suffix('.').unwrap_or(stem) } else { stem };
    (text == "*")
        || stem
            .split('.')
            .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'))
}
