//! Integrations that are one YAML file each, made of the handlers that come with the engine: store, emit, relay, answer a
//! challenge, make a task. Every manifest here is clean under `check`, as a maintainer's has to be.

use black_box::{Operator, Receiver, Server, World, on_both, world};
use serde_json::{Value, json};

/// A server with the repository's contracts and this one, which `check` finds nothing wrong with.
async fn serve(world: &World, id: &str, manifest: &str, variables: &[(&str, &str)]) -> Server {
    let contracts = world.copy_contracts();
    // It names files of the repository, which `check` does not find beside a copy.
    std::fs::remove_file(contracts.join("internal/backend-to-postgresql.yaml")).expect("the manifest is removed");
    world::write(&contracts.join(format!("external/{id}.yaml")), manifest);
    let check = world.program(&["check", contracts.to_str().expect("a path")]);
    let said = [check.stdout, check.stderr].map(|output| String::from_utf8_lossy(&output).into_owned()).concat();
    assert_eq!(check.status.code(), Some(0), "{said}");
    let mut setup = world.serve().contracts(&contracts);
    for (name, value) in variables {
        setup = setup.variable(name, *value);
    }
    setup.start().await
}

/// The deliveries of a contract in a direction, newest first.
async fn deliveries(operator: &Operator, contract: &str, flow: &str) -> Vec<Value> {
    operator.lists(&format!("/api/v1/deliveries?contract={contract}&flow={flow}")).await
}

const ACCEPT: &str = "
schema: 1
id: mailroom
name: Mailroom

direction: inbound
type: webhook
surface:
  - route: /hooks/mailroom/{box}
    post: engine.accept
auth:
  - bearer: MAILROOM_TOKEN
stability: internal
versioning: none
owner: the suite

environment:
  MAILROOM_TOKEN: {secret: true, description: Token of the sender}
delivery: {mode: durable, key: '{{ path.box }}/{{ body.id }}', respond: 201}
verify: ['cargo test -p black-box one_yaml_file::']
";

on_both!(accept_stores_each_delivery_once, |world| async move {
    let server = serve(&world, "mailroom", ACCEPT, &[("MAILROOM_TOKEN", "a-token-of-the-mailroom")]).await;
    let operator = world.operator(&server).await;
    let send = |path: &str, body: &Value| {
        server.post(&format!("/hooks/mailroom/{path}")).bearer("a-token-of-the-mailroom").header("x-origin", "Zürich").json(body)
    };
    let first = send("a?copy=1", &json!({"id": 7, "text": "grüezi"})).send().await.expect(201).json();
    assert_eq!((&first["status"], &first["replayed"]), (&json!("accepted"), &json!(false)));
    send("a", &json!({"id": 7, "text": "otherwise"})).send().await.expect_problem(409);
    let again = send("a", &json!({"id": 7, "text": "grüezi"})).send().await.expect(201).json();
    assert_eq!((&again["replayed"], &again["delivery_id"]), (&json!(true), &first["delivery_id"]));
    let other = send("b", &json!({"id": 7})).send().await.expect(201).json();
    assert_ne!(other["delivery_id"], first["delivery_id"], "the key is the box and the id");
    // Without what the key names, a delivery is its own.
    for _ in 0..2 {
        assert_eq!(send("a", &json!({"no": "id"})).send().await.expect(201).json()["replayed"], false);
    }

    let stored = deliveries(&operator, "mailroom", "inbound").await;
    assert_eq!(stored.len(), 4, "{stored:#?}");
    assert!(stored.iter().all(|delivery| delivery["state"] == "done"), "nothing is left to do: {stored:#?}");
    let id = first["delivery_id"].as_str().expect("an id");
    let shown = operator.reads(&format!("/api/v1/deliveries/{id}")).await;
    assert_eq!((&shown["key"], &shown["actor"]), (&json!("a/7"), &json!("contract:mailroom")));
    assert_eq!(shown["message"]["body"], r#"{"id":7,"text":"grüezi"}"#, "{shown:#}");
    assert_eq!(shown["message"]["query"], json!([["copy", "1"]]));
    let headers = shown["message"]["headers"].as_array().expect("headers");
    assert!(headers.contains(&json!(["x-origin", "Zürich"])), "{headers:#?}");
    assert!(headers.iter().all(|header| header[0] != "authorization"), "{headers:#?}");
});

pub const EMIT: &str = "
schema: 1
id: shop-orders
name: Orders of a shop, told to the warehouse

direction: bidirectional
type: webhook
surface:
  - route: /hooks/shop-orders
    post:
      handler: engine.emit
      with:
        type: shop.order.{{ body.state }}
        subject: order/{{ body.id }}
        data: {order: '{{ body.id }}', lines: '{{ body.lines }}', note: 'No. {{ body.id }} via {{ contract.name }}'}
      auth:
        - bearer: SHOP_TOKEN
  - call: WAREHOUSE_URL
    on: [shop.order.*]
  - call: BOOKKEEPING_URL
    method: PUT
    on: [shop.order.paid]
    body: {text: 'Order {{ event.data.order }} is paid', order: '{{ event.data.order }}', at: '{{ event.time }}'}
auth:
  - signature: WAREHOUSE_KEY
    preset: standard-webhooks
stability: internal
versioning: none
owner: the suite

environment:
  SHOP_TOKEN: {secret: true, description: Token of the shop}
  WAREHOUSE_KEY: {secret: true, description: Key that the warehouse knows us by}
  WAREHOUSE_URL: {description: Where the warehouse listens}
  BOOKKEEPING_URL: {description: Where the bookkeeping listens}
delivery: {mode: durable, key: body.id, timeout: 5s, retry: {attempts: 5, first: 10ms, max: 20ms}}
verify: ['cargo test -p black-box one_yaml_file::']
";

const KEY: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

on_both!(emit_tells_everybody_who_asked, |world| async move {
    let (warehouse, bookkeeping) = (Receiver::start().await, Receiver::start().await);
    let (stock, books) = (format!("{}/in?site=1", warehouse.url), format!("{}/books", bookkeeping.url));
    let variables =
        [("SHOP_TOKEN", "a-token-of-the-shop"), ("WAREHOUSE_KEY", KEY), ("WAREHOUSE_URL", &stock), ("BOOKKEEPING_URL", &books)];
    let server = serve(&world, "shop-orders", EMIT, &variables).await;
    let operator = world.operator(&server).await;
    // The far side fails twice; the event is sent until it is taken, each time under the same id.
    warehouse.answer(&[503, 500]);
    let order = json!({"id": 4711, "state": "paid", "lines": [{"sku": "A", "count": 2}]});
    let accepted = server.post("/hooks/shop-orders").bearer("a-token-of-the-shop").json(&order).send().await.expect(202);
    operator.done(&accepted).await;

    let tries = warehouse.wait_for(3).await;
    let library = standardwebhooks::Webhook::new(KEY).expect("a key");
    for tried in &tries {
        assert_eq!((tried.method.as_str(), tried.uri.to_string().as_str()), ("POST", "/in?site=1"));
        library.verify(&tried.body, &tried.headers).expect("the official library accepts the signature");
        assert_eq!(tried.header("idempotency-key"), tries[0].header("idempotency-key"));
        assert_eq!(tried.header("webhook-id"), tries[0].header("idempotency-key"));
        assert_eq!(tried.body, tries[0].body);
        assert_eq!(tried.header("content-type"), "application/cloudevents+json");
        assert_eq!(tried.header("x-request-id"), accepted.header("x-request-id").expect("an id"));
        assert!(tried.header("authorization").is_empty(), "the shop's token is none of the warehouse's business");
    }
    let event = tries[0].json();
    assert_eq!(event["specversion"], "1.0");
    assert_eq!((&event["type"], &event["subject"]), (&json!("shop.order.paid"), &json!("order/4711")));
    assert_eq!(event["source"], "urn:service:mission-control");
    assert_eq!(event["data"]["order"], 4711, "an expression alone keeps its type");
    assert_eq!(event["data"]["lines"], order["lines"]);
    assert_eq!(event["data"]["note"], "No. 4711 via Orders of a shop, told to the warehouse");
    assert!(event["id"].is_string() && event["time"].is_string(), "{event:#}");

    let entry = bookkeeping.wait_for(1).await.remove(0);
    assert_eq!((entry.method.as_str(), entry.uri.path()), ("PUT", "/books"));
    assert_eq!(entry.json(), json!({"text": "Order 4711 is paid", "order": 4711, "at": event["time"]}));
    library.verify(&entry.body, &entry.headers).expect("the official library accepts the signature");

    // A repeat of the order tells nobody anything; another state is told to the warehouse alone.
    let again = server.post("/hooks/shop-orders").bearer("a-token-of-the-shop").json(&order).send().await.expect(202);
    assert_eq!(again.json()["replayed"], true);
    let sent = json!({"id": 4712, "state": "sent", "lines": []});
    let accepted = server.post("/hooks/shop-orders").bearer("a-token-of-the-shop").json(&sent).send().await.expect(202);
    operator.done(&accepted).await;
    operator.all_settled().await;
    assert_eq!((warehouse.received().len(), bookkeeping.received().len()), (4, 1));
    let outbound = deliveries(&operator, "shop-orders", "outbound").await;
    assert_eq!(outbound.len(), 3, "{outbound:#?}");
    assert!(outbound.iter().all(|delivery| delivery["state"] == "done"), "{outbound:#?}");
    let retried = outbound.iter().find(|delivery| delivery["attempts"] == 3).expect("the retried one");
    assert_eq!((&retried["target"], &retried["handler"]), (&json!("WAREHOUSE_URL"), &json!("shop.order.paid")));
});

const FORWARD: &str = "
schema: 1
id: alerts-to-chat
name: Alerts, relayed to a chat

direction: bidirectional
type: webhook
surface:
  - route: /hooks/alerts/{team}
    post:
      handler: engine.forward
      with:
        call: CHAT_URL
        body: {channel: '#{{ path.team }}', text: '{{ body.alert | upper }} on {{ query.host | default(\"some host\") }}', raw: '{{ body }}'}
  - route: /hooks/alerts-raw
    post: {handler: engine.forward, with: {call: CHAT_URL}}
  - route: /hooks/alerts-nowhere
    post: {handler: engine.forward, with: {call: NOWHERE_URL}, delivery: {mode: sync}}
  - call: CHAT_URL
  - call: NOWHERE_URL
auth:
  - secret: ALERT_SECRET
    carriers: [{header: X-Alert-Secret}]
  - credential: CHAT_TOKEN
    header: X-Chat-Token
stability: internal
versioning: none
owner: the suite

environment:
  ALERT_SECRET: {secret: true, description: Secret of the alerting}
  CHAT_TOKEN: {secret: true, description: Token that the chat asks of us}
  CHAT_URL: {description: Where the chat listens}
  NOWHERE_URL: {default: 'http://127.0.0.1:9/', description: Where nobody listens}
delivery: {mode: durable, retry: {attempts: 2, first: 10ms, max: 20ms}}
verify: ['cargo test -p black-box one_yaml_file::']
";

on_both!(forward_relays_with_a_template, |world| async move {
    let chat = Receiver::start().await;
    let variables = [
        ("ALERT_SECRET", "the-secret-of-the-alerting"),
        ("CHAT_TOKEN", "the-token-of-the-chat"),
        ("CHAT_URL", chat.url.as_str()),
    ];
    let server = serve(&world, "alerts-to-chat", FORWARD, &variables).await;
    let operator = world.operator(&server).await;
    let send = |path: &str| server.post(path).header("x-alert-secret", "the-secret-of-the-alerting");
    let alert = json!({"alert": "disk full", "level": 3});

    operator.done(&send("/hooks/alerts/ops%20team?host=db-1").json(&alert).send().await.expect(202)).await;
    let relayed = chat.wait_for(1).await.remove(0);
    assert_eq!(relayed.json(), json!({"channel": "#ops team", "text": "DISK FULL on db-1", "raw": alert}));
    assert_eq!(relayed.header("x-chat-token"), "the-token-of-the-chat");
    assert_eq!(relayed.header("x-alert-secret"), "");
    assert!(!relayed.header("idempotency-key").is_empty());

    let raw = r#"{ "as" : "it is" }"#;
    operator.done(&send("/hooks/alerts-raw").header("content-type", "application/json").body(raw).send().await.expect(202)).await;
    assert_eq!(String::from_utf8_lossy(&chat.wait_for(2).await[1].body), raw, "without a template the bytes are relayed");

    // What the far side refuses for good is given up at once, what it cannot do now after the last attempt.
    chat.answer(&[422]);
    operator.done(&send("/hooks/alerts/a").json(&alert).send().await.expect(202)).await;
    chat.wait_for(3).await;
    operator.all_settled().await;
    chat.answer(&[503, 503]);
    operator.done(&send("/hooks/alerts/b").json(&alert).send().await.expect(202)).await;
    chat.wait_for(5).await;
    operator.all_settled().await;
    operator.settled(&send("/hooks/alerts-nowhere").json(&alert).send().await.expect(202)).await;
    let dead = operator.lists("/api/v1/deliveries?contract=alerts-to-chat&state=dead").await;
    let facts: Vec<_> = dead.iter().map(|delivery| (delivery["target"].clone(), delivery["attempts"].clone())).collect();
    let chat_url = json!("CHAT_URL");
    assert_eq!(facts, [(json!("NOWHERE_URL"), json!(2)), (chat_url.clone(), json!(2)), (chat_url, json!(1))], "{dead:#?}");
    assert!(dead.iter().all(|delivery| delivery["last_error"].is_string()), "{dead:#?}");

    // A request that lacks what the template names is a dead letter that says so, and an operator can replay it.
    let lacking = send("/hooks/alerts/a").json(&json!({"level": 3})).send().await.expect(202);
    let settled = operator.settled(&lacking).await;
    assert_eq!(settled["state"], "dead", "{settled:#}");
    assert!(settled["last_error"].as_str().expect("an error").contains("/body/text"), "{settled:#}");
    let id = settled["id"].as_str().expect("an id");
    operator.post(&format!("/api/v1/deliveries/{id}/replay")).send().await.expect(202);
    operator.all_settled().await;
    assert_eq!(operator.reads(&format!("/api/v1/deliveries/{id}")).await["state"], "dead");
});

const RESPOND: &str = "
schema: 1
id: handshakes
name: Challenges and handshakes

direction: inbound
type: callback
surface:
  - route: /hooks/handshakes/text
    post: {handler: engine.respond, with: {body: '{{ body.challenge }}'}}
  - route: /hooks/handshakes/json/{name}
    post:
      handler: engine.respond
      with:
        status: 203
        headers: {X-Answer: '{{ path.name }}', Content-Type: application/vnd.acme+json}
        body: {challenge: '{{ body.challenge }}', list: [1, '{{ body.n }}'], seen: '{{ headers.x_seen is defined }}'}
  - route: /hooks/handshakes/query
    get: {handler: engine.respond, with: {body: '{{ query[\"hub.challenge\"] }}'}}
  - route: /hooks/handshakes/nothing
    put: {handler: engine.respond, with: {status: 204}}
auth: none
stability: internal
versioning: none
owner: the suite

verify: ['cargo test -p black-box one_yaml_file::']
";

on_both!(respond_answers_challenges, |world| async move {
    let server = serve(&world, "handshakes", RESPOND, &[]).await;
    let challenge = json!({"type": "url_verification", "challenge": "3eZbrw1aB\"é", "n": 2.5});
    let answer = server.post("/hooks/handshakes/text").json(&challenge).send().await.expect(200);
    assert_eq!((answer.text().as_str(), answer.header("content-type")), ("3eZbrw1aB\"é", Some("text/plain; charset=utf-8")));

    let answer = server.post("/hooks/handshakes/json/a%2Fb").json(&challenge).send().await.expect(203);
    assert_eq!(answer.json(), json!({"challenge": "3eZbrw1aB\"é", "list": [1, 2.5], "seen": false}));
    let headers = (answer.header("x-answer"), answer.header("content-type"));
    assert_eq!(headers, (Some("a/b"), Some("application/vnd.acme+json")));

    let answer = server.get("/hooks/handshakes/query?hub.challenge=11%2022&hub.mode=subscribe").send().await.expect(200);
    assert_eq!(answer.text(), "11 22");
    let answer = server.call("PUT", "/hooks/handshakes/nothing").send().await.expect(204);
    assert!(answer.body.is_empty());

    // What the request lacks is named; a header cannot be split by what the caller sends.
    let problem = server.post("/hooks/handshakes/text").json(&json!({})).send().await.expect_problem(422);
    assert!(problem["errors"][0]["detail"].as_str().expect("a detail").starts_with("with/body"), "{problem:#}");
    server.post("/hooks/handshakes/json/a%0D%0AX-Evil:%201").json(&challenge).send().await.expect_problem(422);
});

const UPSERT: &str = "
schema: 1
id: tickets
name: Tickets of a help desk

direction: inbound
type: webhook
surface:
  - route: /hooks/tickets/{project_id}
    post:
      handler: tasks.upsert
      with:
        project: '{{ path.project_id }}'
        key: '{{ body.ticket.id }}'
        title: 'Ticket {{ body.ticket.id }}: {{ body.ticket.subject }}'
        body: '{{ body.ticket.text | default(none) }}'
        lane: \"{{ {'open': 'ready', 'hold': 'blocked', 'solved': 'done'}[body.ticket.state] }}\"
        priority: \"{{ 'urgent' if body.ticket.level > 8 else 'low' }}\"
        labels: '{{ body.ticket.tags }}'
        assignee: '{{ body.ticket.agent | default(none) }}'
        updated_at: '{{ body.ticket.changed }}'
auth:
  - signature: TICKET_KEY
    header: X-Ticket-Signature
    algorithm: hmac-sha512
    encoding: base64
stability: internal
versioning: none
owner: the suite

environment:
  TICKET_KEY: {secret: true, description: Key that the help desk signs with}
delivery: {mode: sync, key: header.X-Ticket-Event}
verify: ['cargo test -p black-box one_yaml_file::']
";

on_both!(upsert_keeps_a_task_in_step, |world| async move {
    use hmac::{Hmac, KeyInit, Mac};
    let server = serve(&world, "tickets", UPSERT, &[("TICKET_KEY", "the key of the help desk")]).await;
    let operator = world.operator(&server).await;
    let send = |event: &str, ticket: Value| {
        let body = json!({"ticket": ticket}).to_string();
        let mut mac = Hmac::<sha2::Sha512>::new_from_slice(b"the key of the help desk").expect("a key");
        mac.update(body.as_bytes());
        let signature = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, mac.finalize().into_bytes());
        let call = server.post("/hooks/tickets/desk").header("content-type", "application/json").body(body);
        call.header("x-ticket-event", event).header("x-ticket-signature", signature)
    };
    let ticket = |subject: &str, state: &str, changed: &str| json!({"id": 31, "subject": subject, "text": "It *burns*", "state": state, "level": 9, "tags": ["vip", "fire"], "changed": changed});

    let made = send("e1", ticket("Fire", "open", "2026-11-01T10:00:00Z")).send().await.expect(201);
    let reply = made.json();
    assert_eq!((&reply["task_key"], &reply["created"]), (&json!("DESK-1"), &json!(true)));
    let task = operator.reads("/api/v1/tasks/DESK-1").await;
    let facts = ["title", "body", "lane", "priority", "labels", "assignee"].map(|name| task[name].clone());
    let labels = json!(["fire", "vip"]);
    let expected = [json!("Ticket 31: Fire"), json!("It *burns*"), json!("ready"), json!("urgent"), labels, Value::Null];
    assert_eq!(facts, expected, "{task:#}");

    let again = send("e1", ticket("Fire", "open", "2026-11-01T10:00:00Z")).send().await.expect(201);
    assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &made.body));
    send("e1", ticket("Flood", "open", "2026-11-01T10:00:00Z")).send().await.expect_problem(409);

    let changed = send("e2", ticket("Fire!", "solved", "2026-11-01T12:00:00Z")).send().await.expect(200).json();
    assert_eq!((&changed["task_key"], &changed["created"], &changed["changed"]), (&json!("DESK-1"), &json!(false), &json!(true)));
    let late = send("e3", ticket("Smoke", "hold", "2026-11-01T11:00:00Z")).send().await.expect(200).json();
    assert_eq!(late["changed"], false, "older news than what was applied");
    let task = operator.reads("/api/v1/tasks/DESK-1").await;
    assert_eq!((&task["title"], &task["lane"]), (&json!("Ticket 31: Fire!"), &json!("done")), "{task:#}");

    // An unknown state, a number as the list of labels, what is no time and a missing field are the sender's to mend.
    for (name, value) in [("state", json!("lost")), ("tags", json!(5)), ("changed", json!("yesterday"))] {
        let mut bad = ticket("Fire", "open", "2026-11-01T13:00:00Z");
        bad[name] = value;
        send(&format!("bad-{name}"), bad).send().await.expect_problem(422);
    }
    let mut bad = ticket("Fire", "open", "2026-11-01T13:00:00Z");
    bad.as_object_mut().expect("an object").remove("level");
    send("bad-level", bad).send().await.expect_problem(422);
    assert_eq!(operator.lists("/api/v1/projects/desk/tasks").await.len(), 1);
});
