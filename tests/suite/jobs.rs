//! Jobs: each tick runs once, however many replicas there are, never beside its own earlier run, and is made up for after a
//! stop.

use black_box::{Operator, Receiver, Server, World, on_both, server::eventually, world::write};
use contract::catalog::{Schedule, ticks::Ticks};
use engine::storage::{DeliveryState, Flow, Message, NewDelivery, Storage};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

/// The repository's contracts and these.
async fn serve(world: &World, manifests: &[(&str, String)], variables: &[(&str, &str)]) -> Server {
    let contracts = world.copy_contracts();
    for (id, manifest) in manifests {
        write(&contracts.join(format!("external/{id}.yaml")), manifest);
    }
    let mut setup = world.serve().contracts(contracts);
    for (name, value) in variables {
        setup = setup.variable(name, *value);
    }
    setup.start().await
}

/// A contract with this surface; its runs that fail are tried again after an hour.
fn manifest(id: &str, surface: &str, environment: &str) -> String {
    format!(
        "schema: 1
id: {id}
name: {id}

direction: outbound
type: other
surface:
{surface}
auth: none
stability: internal
versioning: none
owner: the suite

environment: {environment}
delivery: {{retry: {{attempts: 3, first: 1h, max: 1h}}}}
verify: ['cargo test -p black-box jobs::']
"
    )
}

fn heartbeat() -> String {
    let surface = "  - job: engine.emit
    every: 1s
    with: {type: heartbeat.sent, data: {from: '{{ contract.id }}', at: '{{ now }}'}}
  - call: HEARTBEAT_URL
    on: [heartbeat.sent]";
    manifest("heartbeat", surface, "{HEARTBEAT_URL: {description: Who is told}}")
}

/// The runs of a contract's jobs, newest first.
async fn runs(operator: &Operator, contract: &str) -> Vec<Value> {
    operator.lists(&format!("/api/v1/deliveries?contract={contract}&flow=inbound")).await
}

/// How many ticks of a contract a server dealt with in this way.
async fn ticks(server: &Operator, contract: &str, outcome: &str) -> f64 {
    let labels = [format!("contract=\"{contract}\""), format!("outcome=\"{outcome}\"")];
    server.metric("mission_control_job_ticks_total", &labels.each_ref().map(String::as_str)).await
}

/// The tick of a run.
fn tick(run: &Value) -> Timestamp {
    run["key"].as_str().expect("a key").parse().expect("the time of the tick")
}

on_both!(a_job_runs_at_each_tick, |world| async move {
    let receiver = Receiver::start().await;
    let started = Timestamp::now();
    let server = serve(&world, &[("heartbeat", heartbeat())], &[("HEARTBEAT_URL", &receiver.url)]).await;
    let operator = world.operator(&server).await;
    let events = receiver.wait_for(2).await;
    assert_eq!(events[0].json()["type"], "heartbeat.sent");
    assert_eq!(events[0].json()["data"]["from"], "heartbeat");
    let runs = runs(&operator, "heartbeat").await;
    let oldest = runs.last().expect("it ran");
    assert_eq!(
        (&oldest["target"], &oldest["handler"], &oldest["actor"], &oldest["state"]),
        (&json!("JOB engine.emit"), &json!("engine.emit"), &json!("schedule"), &json!("done")),
        "{oldest:#}"
    );
    assert!(tick(oldest) > started, "a new job waits for its next tick: {oldest:#}");
    assert!(runs.iter().all(|run| tick(run).subsec_nanosecond() == 0), "{runs:#?}");
    assert!(ticks(&operator, "heartbeat", "stored").await >= 2.0);
    server.post("/JOB%20engine.emit").send().await.expect(404);

    let contracts = world.folder().join("contracts");
    let explained = world.program(&["explain", "heartbeat", "--contracts", contracts.to_str().expect("a path")]);
    let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(explained.contains("job engine.emit every 1s, next at 20"), "{explained}");
});

on_both!(replicas_run_a_tick_once, |world| async move {
    let receiver = Receiver::start().await;
    let variables = [("HEARTBEAT_URL", receiver.url.as_str())];
    let one = serve(&world, &[("heartbeat", heartbeat())], &variables).await;
    let two = serve(&world, &[("heartbeat", heartbeat())], &variables).await;
    let operator = world.operator(&one).await;
    let other = operator.at(&two);
    receiver.wait_for(4).await;
    let before = runs(&operator, "heartbeat").await;
    let counted = ticks(&operator, "heartbeat", "stored").await + ticks(&other, "heartbeat", "stored").await;
    let after = runs(&operator, "heartbeat").await;
    // A tick that is just being stored is in the database before it is counted.
    #[expect(clippy::cast_precision_loss, reason = "a few runs")]
    let (least, most) = (before.len() as f64 - 1.0, after.len() as f64);
    assert!(least <= counted && counted <= most, "{least} {counted} {most}: {after:#?}");
    assert!(after.windows(2).all(|pair| tick(&pair[0]) > tick(&pair[1])), "each tick once: {after:#?}");

    let (one, two) = tokio::join!(one.stop(), two.stop());
    assert!(one.success() && two.success());
});

on_both!(a_job_is_not_run_beside_its_earlier_run, |world| async move {
    // The relay fails for now, and is tried again after an hour.
    let stuck = manifest("stuck", "  - job: engine.forward\n    every: 1s\n    with: {contract: far-side, body: {}}", "{}");
    let far_side = manifest("far-side", "  - call: FAR_SIDE_URL", "{FAR_SIDE_URL: {description: Where it is}}");
    let server = serve(&world, &[("stuck", stuck), ("far-side", far_side)], &[]).await;
    let operator = world.operator(&server).await;
    eventually("two ticks are skipped", async || (ticks(&operator, "stuck", "skipped").await >= 2.0).then_some(())).await;
    let runs = runs(&operator, "stuck").await;
    assert_eq!(runs.len(), 1, "{runs:#?}");
    assert_eq!((&runs[0]["state"], &runs[0]["attempts"]), (&json!("pending"), &json!(1)), "{runs:#?}");
    assert!(ticks(&operator, "stuck", "stored").await < 2.0);
});

on_both!(after_a_stop_the_newest_missed_tick_is_made_up_for, |world| async move {
    let period = std::time::Duration::from_secs(365 * 86_400);
    let schedule = Ticks::compile(&Schedule::Every(period)).expect("a schedule");
    let current = schedule.last_until(Timestamp::now()).expect("a tick");
    let earlier = (current - SignedDuration::from_hours(2 * 365 * 24)).to_string();
    let store = world.store().await;
    let run = NewDelivery {
        id: Uuid::now_v7(),
        flow: Flow::Inbound,
        contract: "yearly".to_owned(),
        target: "JOB engine.emit".to_owned(),
        handler: "engine.emit".to_owned(),
        key: Some(earlier.clone()),
        key_scope: String::new(),
        subject: None,
        message: Message::default(),
        request_id: "earlier".to_owned(),
        actor: "schedule".to_owned(),
        received_at: Timestamp::now(),
        max_attempts: 3,
        state: DeliveryState::Done,
    };
    store.accept(&[run]).await.expect("the earlier run is stored");
    store.close().await;

    // The second job never ran, so it missed nothing. The third tells that the first two were looked at.
    let surface = "  - job: engine.emit\n    every: 365d\n    with: {type: year.over}
  - job: engine.emit\n    every: 364d\n    with: {type: year.nearly.over}
  - job: engine.emit\n    every: 1s\n    with: {type: second.over}";
    let server = serve(&world, &[("yearly", manifest("yearly", surface, "{}"))], &[]).await;
    let operator = world.operator(&server).await;
    let runs = eventually("the seconds are counted", async || {
        let runs = runs(&operator, "yearly").await;
        runs.iter().any(|run| run["target"] == "JOB engine.emit every 1s" && run["state"] == "done").then_some(runs)
    })
    .await;
    let years: Vec<&Value> =
        runs.iter().filter(|run| run["target"] != "JOB engine.emit every 1s").map(|run| &run["key"]).collect();
    assert_eq!(years, [&json!(current.to_string()), &json!(earlier)], "{runs:#?}");
});
