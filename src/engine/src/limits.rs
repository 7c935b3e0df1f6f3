//! Limits of a route: requests in a period for each caller, and requests at the same time. Body size and time are held by
//! the request's own pipeline.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
};

use contract::catalog::LimitPolicy;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use http::{HeaderValue, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Problem, ProblemKind};

/// Who counts as one caller: an IPv4 address, or the /64 that an IPv6 address is in, since its holder has all of it.
type Caller = IpAddr;

fn caller_of(address: IpAddr) -> Caller {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

/// The running limits of one route; kept across reloads as long as the policy stays the same.
pub struct Limits {
    rate: Option<(DefaultKeyedRateLimiter<Caller>, DefaultClock)>,
    concurrency: Option<Arc<Semaphore>>,
}

impl Limits {
    /// Fresh limits of a policy.
    pub fn new(policy: &LimitPolicy) -> Self {
        let rate = policy.rate.and_then(|rate| {
            let count = NonZeroU32::new(rate.count)?;
            let quota = Quota::with_period(rate.period / rate.count)?.allow_burst(count);
            Some((RateLimiter::keyed(quota), DefaultClock::default()))
        });
        let concurrency = policy.concurrency.map(|most| Arc::new(Semaphore::new(most as usize)));
        Self { rate, concurrency }
    }

    /// Counts a request of a caller; 429 with `Retry-After` (RFC 9110 section 10.2.3) when it is one too many.
    pub fn count(&self, caller: IpAddr) -> Result<(), Problem> {
        let Some((limiter, clock)) = &self.rate else { return Ok(()) };
        limiter.check_key(&caller_of(caller)).map_err(|refused| {
            let seconds = refused.wait_time_from(clock.now()).as_secs() + 1;
            Problem::new(
                ProblemKind::TooManyRequests,
                format!("This route takes no more requests from you for now; try again in {seconds} s"),
            )
            .header(header::RETRY_AFTER, HeaderValue::from(seconds))
        })
    }

    /// Forgets callers that have not come for a while.
    pub fn tidy(&self) {
        if let Some((limiter, _)) = &self.rate {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    /// Enters the route; 503 when it is full. Leaving is dropping the permit.
    pub fn enter(&self) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        let Some(semaphore) = &self.concurrency else { return Ok(None) };
        match semaphore.clone().try_acquire_owned() {
            Ok(permit) => Ok(Some(permit)),
            Err(_) => Err(Problem::new(
                ProblemKind::Unavailable,
                "This route is handling as many requests as it may at once; try again in a second",
            )
            .header(header::RETRY_AFTER, HeaderValue::from_static("1"))),
        }
    }
}
