//! The HTTP surface that every contract shares: problem documents, request ids, HEAD, OPTIONS, limits, odd requests, and the
//! shutdown.

use std::time::Duration;

use black_box::{
    Answer, Receiver, Server, World,
    database::Kind,
    on_both,
    raw::{Raw, exchange},
    server::eventually,
    world,
};
use engine::storage::{DeliveryFilter, DeliveryRecord, DeliveryState, Flow, Storage};
use serde_json::json;

/// Routes with tight limits and plain answers.
const SURFACE: &str = "
schema: 1
id: surface
name: The surface

direction: bidirectional
type: webhook
surface:
  - route: /surface/echo/{a}/{b}
    get: {handler: engine.respond, with: {body: {a: '{{ path.a }}', b: '{{ path.b }}', query: '{{ query }}'}}}
  - route: /surface/plain
    get: {handler: engine.respond, with: {body: plain}}
    delete: {handler: engine.respond, with: {status: 204}}
  - route: /surface/store
    post: {handler: engine.accept, delivery: {mode: durable, key: header.X-Key}, limits: {body: 1KiB}}
  - route: /surface/slow
    post: {handler: engine.accept, delivery: {mode: durable}, limits: {timeout: 300ms, concurrency: 1}}
  - route: /surface/patient
    post: {handler: engine.accept, delivery: {mode: durable}, limits: {concurrency: 1}}
  - route: /surface/rated
    get: {handler: engine.respond, with: {body: plain}, limits: {rate: 2/1h}}
  - route: /surface/told/{about}
    post: {handler: engine.emit, with: {type: surface.told, subject: '{{ path.about }}', data: 1}, delivery: {mode: durable}}
  - call: SURFACE_URL
    on: [surface.told]
auth: none
stability: experimental
versioning: none
owner: the suite

environment:
  SURFACE_URL: {description: A far side, default: 'http://127.0.0.1:9/'}
verify: ['cargo test -p black-box http_surface::']
";

async fn serve(world: &World, variables: &[(&str, &str)]) -> Server {
    let contracts = world.copy_contracts();
    world::write(&contracts.join("external/surface.yaml"), SURFACE);
    let mut setup = world.serve().contracts(&contracts);
    for (name, value) in variables {
        setup = setup.variable(name, *value);
    }
    setup.start().await
}

/// Runs a test that has nothing to do with the database.
fn once<F: Future<Output = ()>>(test: impl FnOnce(std::sync::Arc<World>) -> F) {
    world::run(Kind::Sqlite, test);
}

#[test]
fn every_error_is_a_problem_document() {
    once(|world| async move {
        let token = "a-token-of-the-surface";
        let server = serve(&world, &[("PLANE_API_TOKEN", token)]).await;
        let import = || server.post("/api/setup-import").bearer(token);
        let json_type = |call: black_box::Call| call.header("content-type", "application/json");

        let problem = server.get("/nowhere/at/all").send().await.expect_problem(404);
        assert_eq!(
            (&problem["instance"], &problem["type"]),
            (&json!("/nowhere/at/all"), &json!("urn:mission-control:problem:not-found"))
        );

        for (method, path, allow) in [
            ("POST", "/healthz", "GET, HEAD, OPTIONS"),
            ("GET", "/surface/store", "POST, OPTIONS"),
            ("PATCH", "/surface/plain", "GET, HEAD, DELETE, OPTIONS"),
            ("BREW", "/surface/plain", "GET, HEAD, DELETE, OPTIONS"),
            ("TRACE", "/surface/plain", "GET, HEAD, DELETE, OPTIONS"),
        ] {
            let answer = server.call(method, path).send().await;
            assert_eq!(answer.header("allow"), Some(allow), "{}", answer.describe());
            answer.expect_problem(405);
        }

        let wrong_type = import().header("content-type", "text/plain").body("{}").send().await.expect_problem(415);
        assert_eq!(wrong_type["contract"], "warp-setup-import");
        json_type(import()).body("{\"contract_version\": ").send().await.expect_problem(400);
        json_type(import()).send().await.expect_problem(400);
        let problem = json_type(import()).body(r#"{"contract_version": 1, "project": {}}"#).send().await.expect_problem(422);
        let pointers: Vec<_> =
            problem["errors"].as_array().expect("errors").iter().filter_map(|error| error["pointer"].as_str()).collect();
        assert!(
            pointers.contains(&"/contract_version") && pointers.iter().any(|pointer| pointer.starts_with("/project")),
            "{problem:#}"
        );
        assert!(problem["errors"].as_array().is_some_and(|errors| errors.iter().all(|error| error["detail"].is_string())));
        // Types with a suffix and parameters are JSON as well.
        import().header("content-type", "application/acme+json; charset=utf-8").body("{}").send().await.expect_problem(422);

        let problem = server.post("/api/v1/projects/demo/integrations/plane/webhook").body("{}").send().await.expect_problem(503);
        assert_eq!(problem["variables"], json!(["PLANE_WEBHOOK_SECRET"]));

        for (page, pointer) in [("limit=0", "/limit"), ("limit=many", "/limit"), ("cursor=x", "/cursor"), ("state=odd", "/state")]
        {
            let operator = world.token(contract::catalog::Scope::Read).await;
            let answer = server.get(&format!("/api/v1/deliveries?{page}")).bearer(&operator).send().await;
            assert_eq!(answer.expect_problem(422)["errors"][0]["pointer"], pointer);
        }
    });
}

#[test]
fn limits_are_held() {
    once(|world| async move {
        let server = serve(&world, &[]).await;
        // A body that says it is too large is refused before any of it was sent.
        let announced = "POST /surface/store HTTP/1.1\r\nhost: a\r\ncontent-length: 1025\r\n\r\n";
        let answer = exchange(&server, announced).await;
        assert_eq!((answer.status, &answer.json()["status"]), (413, &json!(413)), "{answer:?}");
        let absurd = "POST /surface/store HTTP/1.1\r\nhost: a\r\ncontent-length: 18446744073709551615\r\n\r\n";
        let status = exchange(&server, absurd).await.status;
        assert!(matches!(status, 400 | 413 | 431), "{status}");
        // A chunked one is refused as soon as it is.
        let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
        let head = "POST /surface/store HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        let answer = exchange(&server, format!("{head}{chunk}1\r\nx\r\n")).await;
        assert_eq!((answer.status, answer.header("content-type")), (413, Some("application/problem+json")), "{answer:?}");
        let answer = exchange(&server, format!("{head}{chunk}0\r\n\r\n")).await;
        assert_eq!(answer.status, 202, "what just fits is taken: {answer:?}");
        server.post("/surface/store").body(vec![b'x'; 1024]).send().await.expect(202);
        // A client that sends all of it hears the answer too.
        server.post("/surface/store").body(vec![b'x'; 3 << 20]).send().await.expect_problem(413);

        for expected in [200, 200, 429, 429] {
            let answer = server.get("/surface/rated").send().await.expect(expected);
            if expected == 429 {
                let wait = answer.header("retry-after").and_then(|wait| wait.parse::<u64>().ok());
                assert!(wait.is_some_and(|wait| (1..=3600).contains(&wait)), "{}", answer.describe());
                answer.expect_problem(429);
            }
        }

        // Half a body and no more: the route is full until the time is over.
        let half = "POST /surface/slow HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf ";
        let mut slow = Raw::connect(&server).await.expect("it listens");
        slow.send(half).await;
        let answer = slow.answer(false).await;
        assert_eq!((answer.status, answer.json()["type"].clone()), (408, json!("urn:mission-control:problem:request-timeout")));
        let mut occupied = Raw::connect(&server).await.expect("it listens");
        occupied.send(half.replace("slow", "patient")).await;
        let full = eventually("the route is full", async || {
            let answer = server.post("/surface/patient").body("x").send().await;
            (answer.status != 202).then_some(answer)
        });
        let full = full.await;
        assert_eq!(full.header("retry-after"), Some("1"), "{}", full.describe());
        full.expect_problem(503);
        occupied.send("whole").await;
        assert_eq!(occupied.answer(false).await.status, 202);
        eventually("the route has room", async || {
            (server.post("/surface/patient").body("x").send().await.status == 202).then_some(())
        })
        .await;
        let metrics = server.get("/metrics").send().await.expect(200).text();
        for limit in ["body", "rate", "concurrency"] {
            let line = format!("mission_control_limited_requests_total{{contract=\"surface\",limit=\"{limit}\"}}");
            assert!(metrics.contains(&line), "{line}\n{metrics}");
        }
    });
}

#[test]
fn every_answer_has_a_request_id_and_a_digest() {
    once(|world| async move {
        let server = serve(&world, &[]).await;
        let digest = server.get("/contractz").send().await.expect(200).json()["digest"].clone();
        let has_both = |answer: &Answer| {
            assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()), "{}", answer.describe());
            assert_eq!(answer.header("x-contract-digest"), digest.as_str(), "{}", answer.describe());
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{}", answer.describe());
        };
        for (method, path) in [
            ("GET", "/healthz"),
            ("HEAD", "/contractz"),
            ("GET", "/docs"),
            ("GET", "/nowhere"),
            ("OPTIONS", "/healthz"),
            ("PUT", "/healthz"),
            ("POST", "/surface/store"),
            ("GET", "/api/v1/projects"),
            ("GET", "/metrics"),
            ("DELETE", "/surface/plain"),
        ] {
            has_both(&server.call(method, path).send().await);
        }
        for id in ["a", "A-b_c.9", "01890a5d-ac96-774b-bcce-b302099a8057", &"x".repeat(128)] {
            let answer = server.get("/nowhere").header("x-request-id", id).send().await;
            assert_eq!(answer.header("x-request-id"), Some(id));
            assert_eq!(answer.json()["request_id"], *id);
        }
        let mut made = std::collections::HashSet::new();
        for junk in ["", " ", "a b", "a\"b", "<script>", "ä", "a/b", "a%0d%0ab", &"x".repeat(129)] {
            let answer = server.get("/healthz").header("x-request-id", junk).send().await.expect(200);
            let id = answer.header("x-request-id").expect("an id");
            assert_eq!(uuid::Uuid::parse_str(id).expect("a UUID").get_version_num(), 7, "{junk:?} became {id}");
            assert!(made.insert(id.to_owned()));
        }
        // The log tells the id that the caller was told.
        server.get("/nowhere").header("x-request-id", "find-me-in-the-log").send().await.expect(404);
        eventually("the id is logged", async || server.log().contains("find-me-in-the-log").then_some(())).await;
    });
}

#[test]
fn head_and_options_are_answered_from_what_is_mounted() {
    once(|world| async move {
        let server = serve(&world, &[]).await;
        for path in ["/healthz", "/contractz", "/openapi.json", "/docs", "/docs/assets/docs.js", "/surface/plain", "/nowhere"] {
            let mut get = server.get(path).header("x-request-id", "same").send().await;
            let mut head = server.call("HEAD", path).header("x-request-id", "same").send().await;
            assert!(head.body.is_empty(), "{}", head.describe());
            for answer in [&mut get, &mut head] {
                answer.headers.remove("date");
            }
            assert_eq!((head.status, head.headers), (get.status, get.headers), "HEAD {path}");
        }
        // Nothing follows the head of an answer to HEAD: the connection goes on with the next one.
        let mut raw = Raw::connect(&server).await.expect("it listens");
        raw.send("HEAD /contractz HTTP/1.1\r\nhost: a\r\n\r\nGET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let head = raw.answer(true).await;
        assert!(head.header("content-length").is_some_and(|length| length != "0"), "{head:?}");
        assert_eq!(raw.answer(false).await.status, 200);

        for (path, allow) in [
            ("/healthz", "GET, HEAD, OPTIONS"),
            ("/surface/plain", "GET, HEAD, DELETE, OPTIONS"),
            ("/api/v1/projects/x/integrations/plane/webhook", "POST, OPTIONS"),
        ] {
            let answer = server.call("OPTIONS", path).send().await.expect(204);
            assert_eq!((answer.header("allow"), answer.body.len()), (Some(allow), 0), "{}", answer.describe());
        }
        server.call("OPTIONS", "/nowhere").send().await.expect_problem(404);
    });
}

#[test]
fn paths_are_taken_as_they_are() {
    once(|world| async move {
        let server = serve(&world, &[]).await;
        let get = async |path: &str| exchange(&server, format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        for (path, a, b) in [
            ("/surface/echo/x/y", "x", "y"),
            ("/surface/echo/a%2Fb/%C3%A9%20%3F", "a/b", "é ?"),
            ("/surface/echo/%252e/..", "%2e", ".."),
            ("/surface/echo/{a}/:b", "{a}", ":b"),
            ("/surface/echo/+/%2B", "+", "+"),
        ] {
            let answer = get(path).await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            assert_eq!((&answer.json()["a"], &answer.json()["b"]), (&json!(a), &json!(b)), "{path}");
        }
        let answer = get("/surface/echo/x/y?a=1&a=2&%C3%A9=%2B+&b").await;
        assert_eq!(answer.json()["query"], json!({"a": "2", "é": "+ ", "b": ""}), "{answer:?}");

        for path in [
            "//healthz",
            "/healthz/",
            "/./healthz",
            "/a/../healthz",
            "/%2e%2e/healthz",
            "/healthz%00",
            "/HEALTHZ",
            "/healthz;a=b",
            "/surface/echo//y",
            "/surface/echo/x/y/",
            "/surface//echo/x/y",
            "/%68ealthz/x",
            "/\\healthz",
            "/contractz/../../etc/passwd",
            "/docs/assets/..%2f..%2fCargo.toml",
            "/docs/assets/%2e%2e",
            "/contractz/%2e%2e%2fservice",
        ] {
            let answer = get(path).await;
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (404, Some("application/problem+json")),
                "{path}: {answer:?}"
            );
            assert!(answer.header("x-request-id").is_some(), "{answer:?}");
        }
        for path in ["/surface/echo/%ff/y", "/surface/echo/a%00b/y", "/surface/echo/%c3%28/y"] {
            let answer = get(path).await;
            assert_eq!((answer.status, &answer.json()["status"]), (400, &json!(400)), "{path}: {answer:?}");
        }
        let answer = get(&format!("/surface/echo/x/y?{}", "q".repeat(20_000))).await;
        assert_eq!((answer.status, &answer.json()["type"]), (414, &json!("urn:mission-control:problem:uri-too-long")));
        assert_eq!(get(&format!("/surface/echo/x/{}", "y".repeat(8_000))).await.status, 200);

        // What is no HTTP is refused by the parser, before there is a request that a problem could be about.
        for bytes in [
            "GET /surface/\0plain HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
            "GET /surface plain HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
            "nonsense\r\n\r\n".to_owned(),
            "GET /healthz HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n".to_owned(),
            "POST /surface/store HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx".to_owned(),
            "POST /surface/store HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n".to_owned(),
            format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "u".repeat(100_000)),
            format!("GET /healthz HTTP/1.1\r\nhost: a\r\nx-long: {}\r\n\r\n", "h".repeat(1_000_000)),
            format!("GET /healthz HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(500)),
        ] {
            let status = exchange(&server, &bytes).await.status;
            assert!(matches!(status, 0 | 400 | 414 | 431), "{status} for {:.60}", bytes);
        }
        let long = server.get("/healthz").header("x-long", "h".repeat(60_000)).send().await;
        assert!(matches!(long.status, 200 | 431), "{}", long.describe());
        server.get("/healthz").send().await.expect(200);
        assert!(!server.log().contains("panicked"), "{}", server.log());
    });
}

#[test]
fn many_requests_over_few_connections() {
    once(|world| async move {
        let server = serve(&world, &[]).await;
        let mut raw = Raw::connect(&server).await.expect("it listens");
        for number in 0..500 {
            raw.send(format!("GET /surface/echo/{number}/x HTTP/1.1\r\nhost: a\r\n\r\n")).await;
            let answer = raw.answer(false).await;
            assert_eq!((answer.status, &answer.json()["a"]), (200, &json!(number.to_string())));
        }
        // Sent before the answers are read, they come back in order.
        raw.send((0..50).map(|number| format!("GET /surface/echo/{number}/x HTTP/1.1\r\nhost: a\r\n\r\n")).collect::<String>())
            .await;
        for number in 0..50 {
            assert_eq!(raw.answer(false).await.json()["a"], number.to_string());
        }
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..32 {
            let calls: Vec<_> = (0..20).map(|number| server.get(&format!("/surface/echo/{client}/{number}"))).collect();
            clients.spawn(async move {
                for (number, call) in calls.into_iter().enumerate() {
                    let answer = call.send().await.expect(200).json();
                    assert_eq!((&answer["a"], &answer["b"]), (&json!(client.to_string()), &json!(number.to_string())));
                }
            });
        }
        clients.join_all().await;

        let http2 = reqwest::Client::builder().http2_prior_knowledge().build().expect("a client");
        let answer = server.get("/surface/echo/over/h2").through(http2).send().await.expect(200);
        assert_eq!(answer.json()["b"], "h2");
        // A client that asks to close is closed, and one of HTTP/1.0 as well.
        for request in ["GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "GET /healthz HTTP/1.0\r\n\r\n"] {
            let mut raw = Raw::connect(&server).await.expect("it listens");
            raw.send(request).await;
            assert_eq!(raw.answer(false).await.status, 200);
            assert!(raw.is_closed().await);
        }
    });
}

on_both!(a_stop_finishes_what_runs, |world| async move {
    let server = serve(&world, &[]).await;
    let (head, body) = ("POST /surface/store HTTP/1.1\r\nhost: a\r\nx-key: last\r\ncontent-length: 10\r\n\r\nhalf ", "whole");
    let mut running = Raw::connect(&server).await.expect("it listens");
    running.send(head).await;
    let mut idle = Raw::connect(&server).await.expect("it listens");
    idle.send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(idle.answer(false).await.status, 200);
    // The request has reached its route: the gauge counts both connections, and the server works on one of them.
    server.signal("TERM");
    assert!(idle.is_closed().await, "an idle connection is closed");
    eventually("new connections are refused", async || Raw::connect(&server).await.err().map(drop)).await;
    running.send(body).await;
    let answer = running.answer(false).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert!(running.is_closed().await);
    let mut server = server;
    assert_eq!(server.wait().await.code(), Some(0), "{}", server.log());
    let stored = all(&world, "surface").await;
    assert_eq!(stored.iter().map(|delivery| delivery.key.as_deref()).collect::<Vec<_>>(), [Some("last")]);
});

on_both!(a_stop_leaves_the_rest_to_the_next_process, |world| async move {
    const EVENTS: usize = 60;
    let far = Receiver::start().await;
    let server = serve(&world, &[("SURFACE_URL", &far.url)]).await;
    far.hold();
    for about in 0..EVENTS {
        server.post(&format!("/surface/told/{about}")).send().await.expect(202);
    }
    let outbound = async || {
        let all = all(&world, "surface").await;
        all.into_iter().filter(|delivery| delivery.flow == Flow::Outbound).collect::<Vec<_>>()
    };
    eventually("every event is stored", async || (outbound().await.len() == EVENTS).then_some(())).await;
    far.wait_for(1).await;
    server.signal("TERM");
    eventually("the server stops", async || server.log().contains("stopping").then_some(())).await;
    far.release(1_000);
    let mut server = server;
    assert_eq!(server.wait().await.code(), Some(0), "{}", server.log());

    let after = outbound().await;
    let (done, left): (Vec<_>, Vec<_>) = after.iter().partition(|delivery| delivery.state == DeliveryState::Done);
    assert_eq!(done.len(), far.received().len(), "what was sent is done");
    assert!(!left.is_empty(), "the test came too late to see what is left");
    for delivery in left {
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Pending, 0), "{delivery:?}");
    }
    // The next process takes them up at once.
    let next = serve(&world, &[("SURFACE_URL", &far.url)]).await;
    far.wait_for(EVENTS).await;
    eventually("all are done", async || {
        outbound().await.iter().all(|delivery| delivery.state == DeliveryState::Done).then_some(())
    })
    .await;
    assert_eq!(far.received().len(), EVENTS, "each was sent once");
    drop(next);
});

#[test]
fn a_second_signal_ends_at_once() {
    once(|world| async move {
        let mut server = serve(&world, &[]).await;
        let mut running = Raw::connect(&server).await.expect("it listens");
        running.send("POST /surface/store HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf ").await;
        // The first byte of the answer to a request on the same connection would come later; the metric tells that it is there.
        let connections = async || {
            let text = server.get("/metrics").send().await.expect(200).text();
            let line = text.lines().find(|line| line.starts_with("mission_control_http_connections "));
            line.and_then(|line| line.rsplit(' ').next()?.parse::<u32>().ok()).filter(|open| *open >= 2)
        };
        eventually("the connection is open", connections).await;
        server.signal("TERM");
        eventually("it is stopping", async || server.log().contains("stopping").then_some(())).await;
        server.signal("TERM");
        let status = tokio::time::timeout(Duration::from_secs(10), server.wait()).await.expect("it ends at once");
        assert_eq!(status.code(), Some(130), "{}", server.log());
    });
}

/// Every delivery of a contract, past the service.
async fn all(world: &World, contract: &str) -> Vec<DeliveryRecord> {
    let store = world.store().await;
    let filter = DeliveryFilter { contract: Some(contract.to_owned()), limit: 1_000, ..DeliveryFilter::default() };
    let all = store.deliveries(&filter).await.expect("the deliveries are listed");
    store.close().await;
    all
}
