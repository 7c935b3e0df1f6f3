//! What vendors send, as far as a first mapping to tasks needs it: where the object's key and title stand, what tells two
//! deliveries apart, and a small body to try it with. Facts of their public documentation; a maintainer goes on from here.

/// The payload of a vendor.
pub(super) struct Shape {
    /// Name of the preset.
    preset: &'static str,
    /// Template of the task's key.
    task: &'static str,
    /// Template of the title.
    title: &'static str,
    /// Template of the body.
    body: &'static str,
    /// Expression of the idempotency key.
    pub(super) key: Option<&'static str>,
    /// Headers beside the signature, as a YAML flow map.
    headers: &'static str,
    /// A body, as YAML.
    pub(super) example: &'static str,
}

/// What is assumed of a sender that no preset names.
const UNKNOWN: Shape = Shape {
    preset: "",
    task: "{{ body.id }}",
    title: "{{ body.title }}",
    body: "{{ body.description | default(none) }}",
    key: None,
    headers: "",
    example: "{id: T-1, title: A first event, description: Sent by hand}",
};

/// By the preset's name, in alphabetical order.
const SHAPES: &[Shape] = &[
    Shape {
        preset: "gitea",
        task: "{{ body.repository.full_name }}#{{ body.issue.number }}",
        title: "{{ body.issue.title }}",
        body: "{{ body.issue.body | default(none) }}",
        key: Some("header.X-Gitea-Delivery"),
        headers: "{X-Gitea-Event: issues, X-Gitea-Delivery: 6f0b2c1e-6f3c-4b8e-9a51-0d6f4c2a7e01}",
        example: "{action: opened, issue: {number: 1, title: A first issue, body: Sent by hand}, repository: {full_name: acme/demo}}",
    },
    Shape {
        preset: "github",
        task: "{{ body.repository.full_name }}#{{ body.issue.number }}",
        title: "{{ body.issue.title }}",
        body: "{{ body.issue.body | default(none) }}",
        key: Some("header.X-GitHub-Delivery"),
        headers: "{X-GitHub-Event: issues, X-GitHub-Delivery: 6f0b2c1e-6f3c-4b8e-9a51-0d6f4c2a7e01}",
        example: "{action: opened, issue: {number: 1, title: A first issue, body: Sent by hand}, repository: {full_name: acme/demo}}",
    },
    Shape {
        preset: "gitlab",
        task: "{{ body.project.path_with_namespace }}#{{ body.object_attributes.iid }}",
        title: "{{ body.object_attributes.title }}",
        body: "{{ body.object_attributes.description | default(none) }}",
        key: Some("header.webhook-id"),
        headers: "{X-Gitlab-Event: Issue Hook}",
        example: "{object_kind: issue, project: {path_with_namespace: acme/demo}, object_attributes: {iid: 1, title: A first issue, description: Sent by hand}}",
    },
    Shape {
        preset: "plane",
        task: "{{ body.data.id }}",
        title: "{{ body.data.name }}",
        body: "{{ body.data.description_stripped | default(none) }}",
        key: Some("header.X-Plane-Delivery"),
        headers: "{X-Plane-Event: issue, X-Plane-Delivery: 6f0b2c1e-6f3c-4b8e-9a51-0d6f4c2a7e01}",
        example: "{event: issue, action: created, data: {id: 0d6f4c2a-7e01-4b8e-9a51-6f0b2c1e6f3c, name: A first issue}}",
    },
    Shape {
        preset: "shopify",
        task: "{{ body.id }}",
        title: "{{ body.name }}",
        body: "{{ body.note | default(none) }}",
        key: Some("header.X-Shopify-Event-Id"),
        headers: "{X-Shopify-Topic: orders/create, X-Shopify-Event-Id: 6f0b2c1e-6f3c-4b8e-9a51-0d6f4c2a7e01}",
        example: "{id: 1001, name: 'Order #1001', note: Sent by hand}",
    },
    Shape {
        preset: "slack",
        task: "{{ body.event_id }}",
        title: "{{ body.event.text }}",
        body: "{{ body.event.type }}",
        key: Some("body.event_id"),
        headers: "",
        example: "{type: event_callback, event_id: Ev0001, event: {type: app_mention, text: A first event}}",
    },
    Shape {
        preset: "standard-webhooks",
        task: "{{ body.data.id }}",
        title: "{{ body.data.title }}",
        body: "{{ body.data.description | default(none) }}",
        key: Some("header.webhook-id"),
        headers: "",
        example: "{type: ticket.created, timestamp: '2026-11-23T12:00:00Z', data: {id: T-1, title: A first ticket, description: Sent by hand}}",
    },
    Shape {
        preset: "stripe",
        task: "{{ body.data.object.id }}",
        title: "{{ body.type }} {{ body.data.object.id }}",
        body: "{{ body.data.object.description | default(none) }}",
        key: Some("body.id"),
        headers: "",
        example: "{id: evt_1, type: invoice.payment_failed, data: {object: {id: in_1, description: Sent by hand}}}",
    },
];

/// The payload of a preset; a plain one for a preset of the user's own.
pub(super) fn shape(preset: Option<&str>) -> &'static Shape {
    SHAPES.iter().find(|shape| Some(shape.preset) == preset).unwrap_or(&UNKNOWN)
}

impl Shape {
    /// The settings of `tasks.upsert`.
    pub(super) fn settings(&self) -> String {
        let mut text = "        project: '{{ path.project_id }}'\n".to_owned();
        for (name, template) in [("key", self.task), ("title", self.title), ("body", self.body)] {
            text.push_str(&format!("        {name}: '{template}'\n"));
        }
        text.push_str(
            "        # lane, priority, labels, assignee and updated_at may follow: `mission-control handlers tasks.upsert`\n",
        );
        text
    }

    /// The headers of the example, as a line of YAML.
    pub(super) fn example_headers(&self) -> String {
        if self.headers.is_empty() { String::new() } else { format!("      headers: {}\n", self.headers) }
    }
}

#[cfg(test)]
mod tests {
    use super::SHAPES;

    #[test]
    fn the_list_is_sorted() {
        assert!(SHAPES.is_sorted_by(|left, right| left.preset < right.preset));
    }
}
