//! What was acknowledged takes effect once: whatever dies, fails or has to be tried again.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use black_box::{
    Operator, Server, World,
    credentials::random,
    on_both,
    operator::delivery_id,
    plane::{self, SECRET, VARIABLE, WEBHOOK, about, event, fixture},
    server::eventually,
    world::write,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use uuid::Uuid;

/// Kills of the loop. Each comes after a random number of acknowledgements below `MOST_BETWEEN`.
const KILLS: usize = 10;
const MOST_BETWEEN: u8 = 60;
const CLIENTS: usize = 4;

/// A handler whose effect shows when it happens twice: each run makes a task under a key of its own.
const ORDERS: &str = "schema: 1
id: orders
name: Orders

direction: inbound
type: webhook
surface:
  - route: /api/v1/orders
    post:
      handler: tasks.upsert
      with:
        project: shop
        key: '{{ body.id }} at {{ now }}'
        title: '{{ body.id }}'
auth:
  - secret: ORDERS_SECRET
    carriers:
      - header: X-Orders-Secret
stability: internal
versioning: with the test
owner: the test

mode: callback
trigger: orders
environment:
  ORDERS_SECRET: {secret: true, description: Secret of the shop}
delivery:
  mode: durable
  key: header.X-Order
  retry: {attempts: 50, first: 100ms, max: 1s}
";

/// Events posted to another system.
const NOTIFY: &str = "schema: 1
id: notify
name: Notify

direction: outbound
type: webhook
surface:
  - call: NOTIFY_URL
    on: [task.created]
auth: none
stability: internal
versioning: with the test
owner: the test

mode: control
trigger: new tasks
environment:
  NOTIFY_URL: {description: Where new tasks are told}
delivery:
  timeout: 10s
  retry: {attempts: ATTEMPTS, first: FIRST, max: 1h}
";

/// Serves the repository's contracts and these, with a lease that a test can wait for.
async fn serve(world: &World, manifests: &[(&str, &str)], variables: &[(&str, &str)]) -> Server {
    let contracts = world.copy_contracts();
    for (path, text) in manifests {
        write(&contracts.join(path), text);
    }
    let plane = contracts.join("external/plane-webhook.yaml");
    let text = std::fs::read_to_string(&plane).unwrap();
    assert!(text.contains("attempts: 8"));
    // The loop kills more often than a delivery may die in the service's own settings.
    std::fs::write(&plane, text.replace("attempts: 8", "attempts: 50")).unwrap();
    let setup = world.serve().contracts(contracts).variable("MISSION_CONTROL_LEASE", "1s");
    let setup = setup.variable(VARIABLE, SECRET).variable("ORDERS_SECRET", SECRET);
    variables.iter().fold(setup, |setup, (name, value)| setup.variable(name, *value)).start().await
}

/// What the clients of the loop did.
#[derive(Default)]
struct Tally {
    sent: BTreeSet<String>,
    acknowledged: BTreeSet<String>,
    repeated: usize,
    broken: usize,
}

/// Where the server is, if it runs.
type Address = watch::Receiver<Option<String>>;

/// A client that posts events until it is told to stop. Most it sends again until they are acknowledged; some it gives up
/// after one attempt, and of some it sends a repeat although they were acknowledged.
async fn post_events(
    mut address: Address,
    stop: watch::Receiver<bool>,
    tally: Arc<Mutex<Tally>>,
    acknowledged: watch::Sender<usize>,
) {
    let client = reqwest::Client::builder().build().unwrap();
    let mut number = 0usize;
    while !*stop.borrow() {
        number += 1;
        let id = Uuid::now_v7().to_string();
        tally.lock().unwrap().sent.insert(id.clone());
        loop {
            let base = address.wait_for(Option::is_some).await.unwrap().clone().unwrap();
            let outcome = post(&client, &base, number, &id).await;
            if outcome.is_ok() {
                let count = {
                    let mut tally = tally.lock().unwrap();
                    tally.acknowledged.insert(id.clone());
                    tally.acknowledged.len()
                };
                acknowledged.send_modify(|known| *known = count.max(*known));
                break;
            }
            tally.lock().unwrap().broken += 1;
            // The server that broke off is never asked again.
            address.wait_for(|now| now.as_ref() != Some(&base)).await.unwrap();
            if number.is_multiple_of(7) {
                break;
            }
        }
        if number.is_multiple_of(5) {
            let base = address.wait_for(Option::is_some).await.unwrap().clone().unwrap();
            let outcome = post(&client, &base, number, &id).await;
            tally.lock().unwrap().repeated += usize::from(outcome.is_ok());
        }
    }
}

/// Posts an order or a Plane event. An answer is an acknowledgement; anything else is an error of the connection.
async fn post(client: &reqwest::Client, base: &str, number: usize, id: &str) -> Result<(), reqwest::Error> {
    let request = if number.is_multiple_of(2) {
        let body = json!({"id": id}).to_string();
        client.post(format!("{base}/api/v1/orders")).header("x-orders-secret", SECRET).header("x-order", id).body(body)
    } else {
        let mut issue = about(fixture("issue-created"), id);
        issue["data"]["name"] = id.into();
        let body = issue.to_string();
        let signature = plane::signature(SECRET, body.as_bytes());
        // As Plane does, a repeat comes under a delivery id of its own.
        let request = client.post(format!("{base}{WEBHOOK}")).header("x-plane-delivery", Uuid::now_v7().to_string());
        request.header("x-plane-event", "issue").header("x-plane-signature", signature).body(body)
    };
    let answer = request.header("content-type", "application/json").send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    assert!(status.is_success(), "{status}: {text}");
    Ok(())
}

/// How many tasks there are by title.
async fn effects(world: &World) -> BTreeMap<String, usize> {
    let mut effects = BTreeMap::new();
    for title in world.database.texts("SELECT title FROM tasks").await {
        *effects.entry(title).or_insert(0) += 1;
    }
    effects
}

on_both!(killed_at_any_time_nothing_acknowledged_is_lost_or_applied_twice, |world| async move {
    let (stop, stopped) = watch::channel(false);
    let (address, addressed) = watch::channel(None);
    let (acknowledged, mut counted) = watch::channel(0);
    let tally = Arc::new(Mutex::new(Tally::default()));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(post_events(addressed.clone(), stopped.clone(), tally.clone(), acknowledged.clone())))
        .collect();
    let manifests = [("external/orders.yaml", ORDERS)];
    for _ in 0..KILLS {
        let server = serve(&world, &manifests, &[]).await;
        address.send_replace(Some(server.base.clone()));
        let more = usize::from(random()[0] % MOST_BETWEEN);
        let target = *counted.borrow() + more;
        let reached = tokio::time::timeout(black_box::server::PATIENCE, counted.wait_for(|count| *count >= target)).await;
        reached.expect("the clients go on").unwrap();
        server.kill();
        address.send_replace(None);
    }
    let server = serve(&world, &manifests, &[]).await;
    address.send_replace(Some(server.base.clone()));
    stop.send_replace(true);
    for client in clients {
        client.await.unwrap();
    }
    let operator = world.operator(&server).await;
    operator.all_settled().await;

    let effects = effects(&world).await;
    let tally = std::mem::take(&mut *tally.lock().unwrap());
    let lost: Vec<&String> = tally.acknowledged.iter().filter(|id| !effects.contains_key(*id)).collect();
    let twice: Vec<_> = effects.iter().filter(|(_, count)| **count > 1).collect();
    println!(
        "{:?}: {KILLS} kills; sent {}, broken off {}, acknowledged {}, repeats acknowledged {}, effects {}, lost {}, twice {}",
        world.database.kind,
        tally.sent.len(),
        tally.broken,
        tally.acknowledged.len(),
        tally.repeated,
        effects.len(),
        lost.len(),
        twice.len()
    );
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert!(twice.is_empty(), "twice: {twice:?}");
    assert!(effects.keys().all(|id| tally.sent.contains(id)), "nothing took effect that was not sent");
    assert!(!tally.acknowledged.is_empty() && tally.broken > 0, "the kills came while clients were sending");

    let count = async |sql: &str| world.database.texts(sql).await.len();
    assert_eq!(count("SELECT id FROM tasks WHERE revision <> 1").await, 0, "no task was changed by a repeat");
    assert_eq!(count("SELECT id FROM deliveries WHERE state <> 'done'").await, 0, "no delivery was given up");
    assert_eq!(count("SELECT id FROM audit_entries WHERE action = 'task.created'").await, effects.len());
    assert_eq!(count("SELECT DISTINCT object_id FROM audit_entries WHERE action = 'task.created'").await, effects.len());
    assert_eq!(count("SELECT external_id FROM external_mappings WHERE kind = 'task'").await, effects.len());
    assert_eq!(count("SELECT key FROM projects").await, 2);
});

on_both!(a_stopped_server_hands_back_what_it_did_not_finish, |world| async move {
    // Long enough that no delivery is taken for abandoned on a busy machine.
    let lease = [("MISSION_CONTROL_LEASE", "60s")];
    let server = serve(&world, &[], &lease).await;
    let operator = world.operator(&server).await;
    for _ in 0..60 {
        event(&server, &about(fixture("issue-created"), &Uuid::now_v7().to_string())).send().await.expect(200);
    }
    assert!(server.stop().await.success());
    let running = "SELECT id FROM deliveries WHERE state = 'running'";
    assert!(world.database.texts(running).await.is_empty(), "no lease is left behind");
    let server = serve(&world, &[], &lease).await;
    operator.at(&server).all_settled().await;
    assert_eq!(world.database.texts("SELECT id FROM tasks").await.len(), 60);
    let attempts = "SELECT CAST(attempts AS TEXT) || ' ' || COALESCE(last_error, '') FROM deliveries WHERE attempts <> 1";
    let attempts = world.database.texts(attempts).await;
    assert!(attempts.is_empty(), "what was handed back cost no attempt: {attempts:?}");
});

on_both!(what_the_sender_got_wrong_is_given_up_at_once_and_replayed_by_hand, |world| async move {
    let project = Uuid::now_v7();
    let manifest = ORDERS.replace("project: shop", &format!("project: {project}"));
    let server = serve(&world, &[("external/orders.yaml", &manifest)], &[]).await;
    let operator = world.operator(&server).await;
    let order = |id: &str, body: Value| {
        server.post("/api/v1/orders").header("x-orders-secret", SECRET).header("x-order", id).json(&body).send()
    };
    let nowhere = order("o-1", json!({"id": "o-1"})).await.expect(202);
    let shapeless = order("o-2", json!({"number": 2})).await.expect(202);
    for (acknowledged, reason) in [(&nowhere, project.to_string()), (&shapeless, "id".to_owned())] {
        let delivery = operator.settled(acknowledged).await;
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("dead"), &json!(1)), "{delivery:#}");
        assert!(delivery["last_error"].as_str().unwrap().contains(&reason), "{delivery:#}");
        assert!(delivery["finished_at"].is_string(), "{delivery:#}");
    }
    eventually("the dead letters are counted", async || {
        let labels = ["contract=\"orders\"", "state=\"dead\""];
        (operator.metric("mission_control_deliveries", &labels).await == 2.0).then_some(())
    })
    .await;

    let columns = "(id, key, title, last_task_number, created_at, updated_at)";
    world.database.execute(&format!("INSERT INTO projects {columns} VALUES ('{project}', 'LATE', 'Late', 0, 1, 1)")).await;
    let replayed = world.program(&["deliveries", "replay", &delivery_id(&nowhere)]);
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    operator.done(&nowhere).await;
    assert_eq!(operator.reads("/api/v1/tasks/LATE-1").await["title"], "o-1");
    let all = world.program(&["deliveries", "replay", "--all-dead", "--contract", "orders", "--json"]);
    let all: Value = serde_json::from_slice(&all.stdout).unwrap();
    assert_eq!((all.as_array().unwrap().len(), &all[0]["id"]), (1, &json!(delivery_id(&shapeless))));
    let again = operator.settled(&shapeless).await;
    assert_eq!((&again["state"], &again["attempts"]), (&json!("dead"), &json!(1)), "what is wrong stays wrong: {again:#}");
});

/// A target of outgoing events. It answers with the statuses in turn, the last one for ever; 0 is no answer at all.
struct Target {
    url: String,
    asked: watch::Receiver<Vec<Value>>,
}

impl Target {
    async fn answering(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let (asking, asked) = watch::channel(Vec::new());
        tokio::spawn(async move {
            let mut silent = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(body) = read_body(&mut stream).await else { continue };
                let number = asking.borrow().len();
                let status = statuses[number.min(statuses.len() - 1)];
                asking.send_modify(|events| events.push(body));
                if status == 0 {
                    silent.push(stream);
                    continue;
                }
                let answer = format!("HTTP/1.1 {status} Answer\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { url, asked }
    }

    /// Waits until it was asked so often.
    async fn asked(&mut self, times: usize) -> Vec<Value> {
        let waited = tokio::time::timeout(black_box::server::PATIENCE, self.asked.wait_for(|events| events.len() >= times));
        waited.await.expect("the target is asked").unwrap().clone()
    }
}

/// The JSON body of an HTTP/1.1 request with a length.
async fn read_body(stream: &mut TcpStream) -> Option<Value> {
    let mut request = Vec::new();
    loop {
        let mut chunk = [0u8; 4096];
        let length = stream.read(&mut chunk).await.ok()?;
        request.extend_from_slice(&chunk[..length]);
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let announced =
                head.to_ascii_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if announced.is_some_and(|length| body.len() >= length) {
                return serde_json::from_str(body).ok();
            }
        }
        if length == 0 {
            return None;
        }
    }
}

fn notify(attempts: usize, first: &str) -> String {
    NOTIFY.replace("ATTEMPTS", &attempts.to_string()).replace("FIRST", first)
}

/// The only outgoing delivery, when it is as it should be.
async fn outgoing(operator: &Operator, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || {
        let items = operator.lists("/api/v1/deliveries?flow=outbound").await;
        items.into_iter().find(|delivery| fits(delivery))
    })
    .await
}

on_both!(what_may_pass_is_tried_again_until_it_does, |world| async move {
    let mut target = Target::answering(&[500, 503, 204]).await;
    let server = serve(&world, &[("external/notify.yaml", &notify(5, "20ms"))], &[("NOTIFY_URL", &target.url)]).await;
    let operator = world.operator(&server).await;
    operator.done(&event(&server, &fixture("issue-created")).send().await.expect(200)).await;
    let events = target.asked(3).await;
    assert!(events.iter().all(|event| event["id"] == events[0]["id"]), "a repeat can be told by its id: {events:#?}");
    assert_eq!((&events[0]["type"], &events[0]["specversion"]), (&json!("task.created"), &json!("1.0")));
    assert_eq!(events[0]["data"]["task"]["key"], "DEMO-1");
    let delivery = outgoing(&operator, "it is sent", |delivery| delivery["state"] == "done").await;
    assert_eq!((&delivery["attempts"], &delivery["contract"]), (&json!(3), &json!("notify")), "{delivery:#}");
});

on_both!(a_failed_attempt_is_put_off_with_a_backoff, |world| async move {
    let mut target = Target::answering(&[500]).await;
    let server = serve(&world, &[("external/notify.yaml", &notify(5, "30m"))], &[("NOTIFY_URL", &target.url)]).await;
    let operator = world.operator(&server).await;
    operator.done(&event(&server, &fixture("issue-created")).send().await.expect(200)).await;
    target.asked(1).await;
    let delivery = outgoing(&operator, "the attempt is noted", |delivery| delivery["last_error"].is_string()).await;
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("pending"), &json!(1)), "{delivery:#}");
    assert!(delivery["last_error"].as_str().unwrap().contains("500"), "{delivery:#}");
    let due: Timestamp = delivery["due_at"].as_str().unwrap().parse().unwrap();
    let wait = due.duration_since(Timestamp::now());
    assert!(wait > SignedDuration::from_mins(25) && wait <= SignedDuration::from_hours(1), "{wait:#}");
});

on_both!(spent_attempts_end_as_a_dead_letter_that_can_be_replayed, |world| async move {
    let mut target = Target::answering(&[500, 500, 500, 200]).await;
    let server = serve(&world, &[("external/notify.yaml", &notify(3, "20ms"))], &[("NOTIFY_URL", &target.url)]).await;
    let operator = world.operator(&server).await;
    operator.done(&event(&server, &fixture("issue-created")).send().await.expect(200)).await;
    let dead = outgoing(&operator, "its attempts are spent", |delivery| delivery["state"] == "dead").await;
    assert_eq!((&dead["attempts"], target.asked(3).await.len()), (&json!(3), 3), "{dead:#}");
    let listed = world.program(&["deliveries", "list", "--state", "dead"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains(dead["id"].as_str().unwrap()) && listed.contains("3/3"), "{listed}");
    assert!(world.program(&["deliveries", "replay", "--all-dead"]).status.success());
    let events = target.asked(4).await;
    assert_eq!(events[3]["id"], events[0]["id"]);
    let done = outgoing(&operator, "it is sent", |delivery| delivery["state"] == "done").await;
    assert_eq!(done["attempts"], 1, "a replay has all its attempts again: {done:#}");
});

on_both!(a_delivery_that_kills_the_process_each_time_ends_as_a_dead_letter, |world| async move {
    let mut target = Target::answering(&[0]).await;
    let manifest = notify(2, "20ms");
    let start = async || serve(&world, &[("external/notify.yaml", &manifest)], &[("NOTIFY_URL", &target.url)]).await;
    let server = start().await;
    let operator = world.operator(&server).await;
    operator.done(&event(&server, &fixture("issue-created")).send().await.expect(200)).await;
    let mut server = server;
    let mut asked = target.asked.clone();
    for attempt in 1..=2 {
        asked.wait_for(|events| events.len() >= attempt).await.unwrap();
        server.kill();
        server = start().await;
    }
    let operator = operator.at(&server);
    let dead = outgoing(&operator, "it is given up", |delivery| delivery["state"] == "dead").await;
    assert_eq!(dead["attempts"], 2, "{dead:#}");
    assert!(dead["last_error"].as_str().unwrap().contains("died"), "{dead:#}");
    assert_eq!(target.asked(2).await.len(), 2);
});

on_both!(what_is_done_is_kept_as_long_as_is_set_and_dead_letters_longer, |world| async move {
    let server = serve(&world, &[], &[]).await;
    let operator = world.operator(&server).await;
    let bad = event(&server, &json!({"event": "issue", "action": "created", "data": {}})).send().await.expect(200);
    for body in [fixture("issue-created"), fixture("issue-updated")] {
        operator.done(&event(&server, &body).send().await.expect(200)).await;
    }
    operator.settled(&bad).await;
    assert!(server.stop().await.success());
    let server = serve(&world, &[], &[("MISSION_CONTROL_RETENTION_DONE", "1ms")]).await;
    let operator = operator.at(&server);
    let left = eventually("what is done is removed", async || {
        let left = operator.lists("/api/v1/deliveries").await;
        (left.len() == 1).then_some(left)
    })
    .await;
    assert_eq!((&left[0]["id"], &left[0]["state"]), (&json!(delivery_id(&bad)), &json!("dead")));
    assert_eq!(operator.lists("/api/v1/projects/demo/tasks").await.len(), 1, "effects stay");
    assert!(server.stop().await.success());
    let server = serve(&world, &[], &[("MISSION_CONTROL_RETENTION_DEAD", "1ms")]).await;
    let operator = operator.at(&server);
    eventually("dead letters go too", async || operator.lists("/api/v1/deliveries").await.is_empty().then_some(())).await;
});
