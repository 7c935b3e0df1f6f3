//! The span of a request, opened when it is of use. To open, write down and close one costs about as much as the rest of a small
//! answer, and without a collector nobody sees it unless a line is logged inside. So with a collector every request opens its
//! span at once, and without one the first who has something to say opens it; the lines are the same.

use std::sync::OnceLock;

use tracing::Span;

pub(crate) struct RequestSpan<'a> {
    span: OnceLock<Span>,
    request_id: &'a str,
    method: &'a str,
    contract: &'a str,
    route: &'a str,
}

impl<'a> RequestSpan<'a> {
    /// `at_once`: somebody collects spans.
    pub(crate) fn new(at_once: bool, request_id: &'a str, method: &'a str, contract: &'a str, route: &'a str) -> Self {
        let span = Self { span: OnceLock::new(), request_id, method, contract, route };
        if at_once {
            span.get();
        }
        span
    }

    /// The span, opened now if it was not.
    pub(crate) fn get(&self) -> &Span {
        self.span.get_or_init(|| {
            let Self { request_id, method, contract, route, .. } = *self;
            tracing::info_span!("request", request_id, method, contract, route, status = tracing::field::Empty)
        })
    }

    /// The span as it is: nothing when nobody opened it.
    pub(crate) fn opened(&self) -> Span {
        self.span.get().cloned().unwrap_or_else(Span::none)
    }
}
