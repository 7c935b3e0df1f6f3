//! A vendor with a signed webhook is one YAML file: it is put into the folder of a running service and works, without Rust
//! and without a restart. The senders are the vendors' own libraries and published examples, not our idea of them.

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use black_box::{Answer, Call, Server, World, credentials, database::Kind, on_both, program, server::eventually, world};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A manifest that makes tasks of a vendor's signed events.
fn manifest(id: &str, auth: &str, variable: &str, with: &str, key: &str) -> String {
    format!(
        "schema: 1\nid: {id}\nname: {id}\n\ndirection: inbound\ntype: webhook\n\
         surface:\n  - route: /hooks/{id}\n    post:\n      handler: tasks.upsert\n      with: {with}\n\
         auth:\n  - signature: {variable}\n    {auth}\n\
         stability: internal\nversioning: the vendor's own\nowner: the vendor\n\n\
         environment:\n  {variable}: {{secret: true, description: Key that the vendor signs with}}\n\
         delivery: {{mode: durable, key: {key}, respond: 202}}\n\
         verify: ['cargo test -p black-box vendors::']\n"
    )
}

/// Adds a manifest to the folder of a running server and waits until its route is there; before that it is not.
async fn add(server: &Server, contracts: &std::path::Path, id: &str, text: &str) {
    let path = format!("/hooks/{id}");
    server.post(&path).send().await.expect_problem(404);
    let before = server.pid();
    world::write(&contracts.join(format!("external/{id}.yaml")), text);
    eventually("the new manifest is mounted", async || (server.post(&path).send().await.status == 401).then_some(())).await;
    assert_eq!(server.pid(), before);
    let contract = server.get(&format!("/contractz/{id}")).send().await.expect(200).json();
    assert_eq!(contract["state"], "mounted", "{contract:#}");
}

/// What the sender makes of a body: the headers to send it with, fresh for each call.
type Sign<'a> = &'a dyn Fn(&[u8]) -> Vec<(&'static str, String)>;

fn signed(server: &Server, id: &str, body: &[u8], headers: &[(&'static str, String)]) -> Call {
    let call = server.post(&format!("/hooks/{id}")).header("content-type", "application/json").body(body);
    headers.iter().fold(call, |call, (name, value)| call.header(name, value))
}

/// The event makes the task, its repeat makes nothing, an altered byte is refused, a second event changes the same task.
async fn makes_one_task(
    world: &World,
    server: &Server,
    id: &str,
    sign: Sign<'_>,
    first: &Value,
    second: &Value,
    titles: [&str; 2],
) {
    let operator = world.operator(server).await;
    let tasks = async || operator.lists(&format!("/api/v1/projects/{id}/tasks")).await;
    let body = first.to_string().into_bytes();
    let headers = sign(&body);

    let mut altered = body.clone();
    let last = altered.iter().rposition(u8::is_ascii_alphanumeric).expect("a letter");
    altered[last] ^= 1;
    signed(server, id, &altered, &headers).send().await.expect_problem(401);
    operator.get(&format!("/api/v1/projects/{id}")).send().await.expect_problem(404);

    let accepted = signed(server, id, &body, &headers).send().await.expect(202);
    operator.done(&accepted).await;
    let made = tasks().await;
    assert_eq!(made.len(), 1, "{made:#?}");
    assert_eq!(made[0]["title"], titles[0], "{made:#?}");

    let again: Answer = signed(server, id, &body, &headers).send().await.expect(202);
    assert_eq!(again.json()["replayed"], true, "{}", again.describe());
    assert_eq!(again.json()["delivery_id"], accepted.json()["delivery_id"]);
    operator.all_settled().await;
    assert_eq!(tasks().await, made, "the repeat had an effect");

    let body = second.to_string().into_bytes();
    operator.done(&signed(server, id, &body, &sign(&body)).send().await.expect(202)).await;
    let changed = tasks().await;
    assert_eq!(changed.len(), 1, "{changed:#?}");
    assert_eq!((&changed[0]["id"], &changed[0]["title"]), (&made[0]["id"], &json!(titles[1])));
}

on_both!(standard_webhooks_by_the_official_crate, |world| async move {
    let key = credentials::random();
    let library = standardwebhooks::Webhook::from_bytes(key.to_vec()).expect("a key");
    let secret = format!("whsec_{}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key));
    let contracts = world.copy_contracts();
    let server = world.serve().contracts(&contracts).variable("ACME_KEY", secret).start().await;
    let with = "{project: acme, key: '{{ body.data.number }}', title: '{{ body.data.subject }}', \
                lane: \"{{ 'done' if body.data.paid else 'ready' }}\"}";
    add(&server, &contracts, "acme", &manifest("acme", "preset: standard-webhooks", "ACME_KEY", with, "header.webhook-id")).await;

    let sign = |body: &[u8]| {
        let (id, now) = (format!("msg_{}", hex::encode(&credentials::random()[..12])), Timestamp::now().as_second());
        let signature = library.sign(&id, now, body).expect("the library signs");
        vec![("webhook-id", id), ("webhook-timestamp", now.to_string()), ("webhook-signature", signature)]
    };
    let event = |kind: &str, subject: &str, paid: bool| json!({"type": kind, "timestamp": Timestamp::now(), "data": {"number": 81, "subject": subject, "paid": paid}});
    let (first, second) = (event("invoice.created", "Invoice 81", false), event("invoice.paid", "Invoice 81, paid ✓", true));
    makes_one_task(&world, &server, "acme", &sign, &first, &second, ["Invoice 81", "Invoice 81, paid ✓"]).await;
    let board = world.operator(&server).await.lists("/api/v1/projects/acme/tasks?lane=done").await;
    assert_eq!(board.len(), 1, "{board:#?}");
});

on_both!(github_by_its_official_library, |world| async move {
    let contracts = world.copy_contracts();
    let secret = hex::encode(credentials::random());
    let server = world.serve().contracts(&contracts).variable("GITHUB_WEBHOOK_SECRET", secret.clone()).start().await;
    let with = "{project: github-issues, key: '{{ body.issue.id }}', title: '{{ body.issue.title }}', \
                body: '{{ body.issue.body }}', updated_at: '{{ body.issue.updated_at }}', \
                lane: \"{{ 'done' if body.action == 'closed' else 'ready' }}\", \
                labels: \"{{ body.issue.labels | map(attribute='name') | list }}\"}";
    let text = manifest("github-issues", "preset: github", "GITHUB_WEBHOOK_SECRET", with, "header.X-GitHub-Delivery");
    add(&server, &contracts, "github-issues", &text).await;

    let sign = |body: &[u8]| {
        vec![
            ("x-hub-signature-256", octokit(&secret, body)),
            ("x-github-event", "issues".to_owned()),
            ("x-github-delivery", hex::encode(&credentials::random()[..16])),
        ]
    };
    let event = |action: &str, title: &str, at: &str| {
        json!({"action": action, "issue": {
            "id": 444_500_041, "number": 1, "title": title, "body": "It’s \"not\" right 🙁", "updated_at": at,
            "labels": [{"id": 1, "name": "bug"}, {"id": 2, "name": "help wanted"}],
        }})
    };
    let first = event("opened", "Spelling error in the README file", "2026-05-15T15:20:18Z");
    let second = event("closed", "Spelling errors in the README file", "2026-05-15T16:20:18Z");
    let titles = ["Spelling error in the README file", "Spelling errors in the README file"];
    makes_one_task(&world, &server, "github-issues", &sign, &first, &second, titles).await;
    let tasks = world.operator(&server).await.lists("/api/v1/projects/github-issues/tasks").await;
    assert_eq!((&tasks[0]["labels"], &tasks[0]["lane"]), (&json!(["bug", "help wanted"]), &json!("done")), "{tasks:#?}");
});

/// Signs with npm's `@octokit/webhooks-methods`, at the version that `scripts/tools/package-lock.json` pins.
fn octokit(secret: &str, body: &[u8]) -> String {
    const SCRIPT: &str = "import { text } from 'node:stream/consumers'; import { sign } from '@octokit/webhooks-methods'; \
                          process.stdout.write(await sign(process.env.SECRET, await text(process.stdin)));";
    let mut node = Command::new("node");
    node.args(["--input-type=module", "-e", SCRIPT]).current_dir(tools()).env("SECRET", secret);
    let mut child = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node starts");
    child.stdin.take().expect("its input").write_all(body).expect("the body is written");
    let output = child.wait_with_output().expect("node ends");
    assert!(output.status.success(), "node failed; see its message above");
    String::from_utf8(output.stdout).expect("a signature is text")
}

/// The folder with the npm packages, installed as `scripts/test` does when they are not there yet.
fn tools() -> PathBuf {
    static INSTALLED: std::sync::Once = std::sync::Once::new();
    let pinned = program::repository().join("scripts/tools");
    let folder = program::target().join("tools");
    INSTALLED.call_once(|| {
        let read = |path: PathBuf| std::fs::read(path).unwrap_or_default();
        let is_there = folder.join("node_modules/@octokit/webhooks-methods").is_dir();
        if is_there && read(folder.join("package-lock.json")) == read(pinned.join("package-lock.json")) {
            return;
        }
        std::fs::create_dir_all(&folder).expect("the folder is made");
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(pinned.join(file), folder.join(file)).expect("the file is copied");
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
        assert!(npm.status().expect("npm starts").success(), "the packages of scripts/tools could not be installed");
    });
    folder
}

/// Published examples: one fixed message each, with the signature that the vendor's page states for it. Those with a
/// timestamp are long past, so they are refused as they stand, and let in by a manifest that tolerates their age.
#[test]
fn published_test_vectors_are_let_in() {
    world::run(Kind::Sqlite, |world| async move {
        let contracts = world.copy_contracts();
        let mut setup = world.serve().contracts(&contracts);
        for vector in vectors() {
            setup = setup.variable(&variable(vector.id), vector.secret);
        }
        let server = setup.start().await;
        for vector in vectors() {
            let text = manifest(
                vector.id,
                &format!("preset: {}{}", vector.preset, vector.timestamp),
                &variable(vector.id),
                "{project: vectors, key: k, title: t}",
                "header.X-Delivery",
            )
            .replace("handler: tasks.upsert\n      with: {project: vectors, key: k, title: t}", "handler: engine.accept");
            add(&server, &contracts, vector.id, &text).await;
            signed(&server, vector.id, vector.body, &vector.headers()).send().await.expect(202);
            let mut altered = vector.body.to_vec();
            altered[0] ^= 1;
            signed(&server, vector.id, &altered, &vector.headers()).send().await.expect_problem(401);
            if !vector.timestamp.is_empty() {
                let strict = text.replace(vector.timestamp, "");
                world::write(&contracts.join(format!("external/{}.yaml", vector.id)), &strict);
                eventually("an old message is refused", async || {
                    (signed(&server, vector.id, vector.body, &vector.headers()).send().await.status == 401).then_some(())
                })
                .await;
            }
        }
    });
}

fn variable(id: &str) -> String {
    format!("{}_KEY", id.to_uppercase().replace('-', "_"))
}

struct Vector {
    id: &'static str,
    preset: &'static str,
    secret: &'static str,
    /// Replaces the preset's timestamp by one that tolerates the age of the example.
    timestamp: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static [u8],
}

impl Vector {
    fn headers(&self) -> Vec<(&'static str, String)> {
        self.headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    }
}

fn vectors() -> [Vector; 5] {
    [
        // docs.github.com, "Validating webhook deliveries", section "Testing the webhook payload validation".
        Vector {
            id: "github-example",
            preset: "github",
            secret: "It's a Secret to Everybody",
            timestamp: "",
            headers: &[("x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")],
            body: b"Hello, World!",
        },
        // api.slack.com, "Verifying requests from Slack", the step by step walk-through.
        Vector {
            id: "slack-example",
            preset: "slack",
            secret: "8f742231b10e8888abcd99yyyzzz85a5",
            timestamp: "\n    timestamp: {header: X-Slack-Request-Timestamp, tolerance: 36500d}",
            headers: &[
                ("x-slack-request-timestamp", "1531420618"),
                ("x-slack-signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
            ],
            body: b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
                    &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
                    &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
                    &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        },
        // github.com/standard-webhooks/standard-webhooks, the tests of its libraries.
        Vector {
            id: "standard-example",
            preset: "standard-webhooks",
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            timestamp: "\n    timestamp: {header: webhook-timestamp, tolerance: 36500d}",
            headers: &[
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", "1614265330"),
                ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            ],
            body: b"{\"test\": 2432232314}",
        },
        // docs.stripe.com, "Verify webhook signatures manually": the scheme, the code computed apart with Python's hmac. The
        // `whsec_` of a Stripe key is part of the key.
        Vector {
            id: "stripe-example",
            preset: "stripe",
            secret: "whsec_test_secret",
            timestamp: "\n    timestamp: {tolerance: 36500d}",
            headers: &[(
                "stripe-signature",
                "t=1492774577,v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39,\
                 v1=799c4ba7bb339f3c8601adfd112f0e477c930a268be1243d341abb8286501c2f",
            )],
            body: br#"{"id":"evt_1"}"#,
        },
        // shopify.dev, "Deliver webhooks through HTTPS": the scheme, the code computed apart with Python's hmac.
        Vector {
            id: "shopify-example",
            preset: "shopify",
            secret: "hush",
            timestamp: "",
            headers: &[("x-shopify-hmac-sha256", "qBvrsZF7RfB1iS6BX6IHqJTp5L911P7intnPeTPsH0I=")],
            body: br#"{"id":820982911946154508}"#,
        },
    ]
}
