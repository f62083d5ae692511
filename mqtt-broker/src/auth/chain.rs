//! Authenticators in the order in which they are asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Attempt, Authenticator, Decision, Exchange, Identity, Refused};

/// An authenticator, and how often it has decided.
#[derive(Debug)]
pub(crate) struct Judge {
    authenticator: Arc<dyn Authenticator>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    admitted: AtomicU64,
    refused: AtomicU64,
}

/// Decisions of one authenticator since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The name of the authenticator.
    pub name: String,
    /// Clients that it has admitted.
    pub admitted: u64,
    /// Clients that it has refused. Those about whom it has said nothing are not among them.
    pub refused: u64,
}

/// Who is asked about the clients of one listener.
#[derive(Debug)]
pub(crate) struct Chain {
    judges: Vec<Arc<Judge>>,
    allow_anonymous: bool,
}

/// A client that was not admitted.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) refused: Refused,
    /// Who has refused it, if that was one of them.
    pub(crate) by: Option<Arc<Judge>>,
}

impl Judge {
    /// Counts on where one of `before` with the same name has come to.
    pub(crate) fn new(authenticator: Arc<dyn Authenticator>, before: &[Arc<Self>]) -> Arc<Self> {
        let known = before.iter().find(|known| known.name() == authenticator.name());
        let counts = known.map(|known| Arc::clone(&known.counts)).unwrap_or_default();
        Arc::new(Self { authenticator, counts })
    }

    pub(crate) fn name(&self) -> &str {
        self.authenticator.name()
    }

    pub(crate) fn note_admitted(&self) {
        self.counts.admitted.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a refusal, and says whose it is.
    pub(crate) fn reject(self: &Arc<Self>, refused: Refused) -> Rejected {
        self.counts.refused.fetch_add(1, Ordering::Relaxed);
        Rejected { refused, by: Some(Arc::clone(self)) }
    }

    pub(crate) fn judged(&self) -> Judged {
        Judged {
            name: self.name().to_owned(),
            admitted: self.counts.admitted.load(Ordering::Relaxed),
            refused: self.counts.refused.load(Ordering::Relaxed),
        }
    }
}

impl Chain {
    pub(crate) const fn new(judges: Vec<Arc<Judge>>, allow_anonymous: bool) -> Self {
        Self { judges, allow_anonymous }
    }

    /// Asks one after the other, until one admits or refuses.
    pub(crate) async fn judge(&self, attempt: &Attempt) -> Result<Identity, Rejected> {
        for (index, judge) in self.judges.iter().enumerate() {
            match judge.authenticator.authenticate(attempt).await {
                Decision::Admit(identity) => {
                    judge.note_admitted();
                    return Ok(identity);
                }
                Decision::Refuse(refused) => {
                    if refused == Refused::Credentials {
                        note_refused(&self.judges[..index], attempt);
                    }
                    return Err(judge.reject(refused));
                }
                Decision::Pass => {}
            }
        }
        if self.allow_anonymous && attempt.is_anonymous() {
            return Ok(Identity::default());
        }
        let why = match attempt.is_anonymous() {
            true => "it is anonymous, and allow_anonymous is false",
            false => "nobody who was asked knows it",
        };
        tracing::debug!(client_id = attempt.client_id.as_str(), "a client is refused: {why}");
        note_refused(&self.judges, attempt);
        Err(Rejected { refused: Refused::Credentials, by: None })
    }

    /// Begins enhanced authentication with the first who speaks the method.
    pub(crate) fn exchange(
        &self,
        method: &str,
        attempt: &Attempt,
    ) -> Result<(Arc<Judge>, Box<dyn Exchange>), Rejected> {
        let begun = self.judges.iter().find_map(|judge| {
            judge.authenticator.exchange(method, attempt).map(|exchange| (Arc::clone(judge), exchange))
        });
        begun.ok_or(Rejected { refused: Refused::Method, by: None })
    }
}

/// Tells those who have said nothing about a client what became of it.
fn note_refused(passed: &[Arc<Judge>], attempt: &Attempt) {
    passed.iter().for_each(|judge| judge.authenticator.note_refused(attempt));
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use mqtt_codec::{Text, Version};

    use super::*;
    use crate::auth::{Judging, Secret};

    /// Says of everybody the same.
    #[derive(Debug)]
    struct Always(Decision);

    impl Authenticator for Always {
        fn name(&self) -> &'static str {
            "always"
        }

        fn authenticate<'a>(&'a self, _: &'a Attempt) -> Judging<'a, Decision> {
            Box::pin(async { self.0.clone() })
        }
    }

    fn named(name: &str) -> Identity {
        Identity { user_name: Some(Text::new(name).expect("text")), ..Identity::default() }
    }

    fn attempt() -> Attempt {
        Attempt {
            listener: crate::config::Listener::loopback().address,
            peer: Some(Ipv4Addr::LOCALHOST.into()),
            version: Version::V5,
            client_id: Text::new("c").expect("text"),
            user_name: None,
            password: None,
            certificates: Vec::new(),
        }
    }

    fn judge(decisions: &[Decision], allow_anonymous: bool, attempt: &Attempt) -> Result<Identity, Refused> {
        let judges: Vec<_> =
            decisions.iter().map(|decision| Judge::new(Arc::new(Always(decision.clone())), &[])).collect();
        let chain = Chain::new(judges.clone(), allow_anonymous);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let outcome = runtime.block_on(chain.judge(attempt));
        let decided: u64 =
            judges.iter().map(|judge| judge.judged()).map(|judged| judged.admitted + judged.refused).sum();
        let by = outcome.as_ref().map_or_else(|rejected| rejected.by.is_some(), |_| decided == 1);
        assert_eq!(u64::from(by), decided);
        outcome.map_err(|rejected| rejected.refused)
    }

    #[test]
    fn the_first_that_admits_or_refuses_decides() {
        let (admit, refuse) = (Decision::Admit(named("a")), Decision::Refuse(Refused::NotAuthorized));
        let pass = Decision::Pass;
        let judge = |decisions: &[Decision]| judge(decisions, true, &attempt());
        assert_eq!(judge(&[admit.clone(), refuse.clone()]), Ok(named("a")));
        assert_eq!(judge(&[pass.clone(), refuse, admit.clone()]), Err(Refused::NotAuthorized));
        assert_eq!(judge(&[pass.clone(), pass, admit]), Ok(named("a")));
    }

    /// Passes, and counts the clients that were refused after that.
    #[derive(Debug, Default)]
    struct Counting(AtomicU64);

    impl Authenticator for Counting {
        fn name(&self) -> &'static str {
            "counting"
        }

        fn authenticate<'a>(&'a self, _: &'a Attempt) -> Judging<'a, Decision> {
            Box::pin(async { Decision::Pass })
        }

        fn note_refused(&self, _: &Attempt) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_has_passed_hears_of_wrong_credentials_and_of_nothing_else() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        for (decision, heard) in [
            (Decision::Admit(named("a")), 0),
            (Decision::Refuse(Refused::Credentials), 1),
            (Decision::Refuse(Refused::NotAuthorized), 0),
            (Decision::Refuse(Refused::Unavailable), 0),
            (Decision::Pass, 1),
        ] {
            let counting = Arc::new(Counting::default());
            let judges = vec![
                Judge::new(Arc::clone(&counting) as _, &[]),
                Judge::new(Arc::new(Always(decision.clone())), &[]),
            ];
            let user = Attempt { user_name: Some(Text::new("u").expect("text")), ..attempt() };
            let admitted = runtime.block_on(Chain::new(judges, true).judge(&user)).is_ok();
            assert_eq!(admitted, matches!(decision, Decision::Admit(_)));
            assert_eq!(counting.0.load(Ordering::Relaxed), heard, "{decision:?}");
        }
    }

    #[test]
    fn who_claims_nothing_is_anonymous_where_that_is_allowed_and_nobody_else_is() {
        let pass = [Decision::Pass];
        assert_eq!(judge(&pass, true, &attempt()), Ok(Identity::default()));
        assert_eq!(judge(&pass, false, &attempt()), Err(Refused::Credentials));
        let user = Attempt { user_name: Some(Text::new("u").expect("text")), ..attempt() };
        assert_eq!(judge(&pass, true, &user), Err(Refused::Credentials));
        let password = Attempt { password: Some(Secret::new("p".into())), ..attempt() };
        assert_eq!(judge(&pass, true, &password), Err(Refused::Credentials));
        let certificate = Attempt { certificates: vec![vec![1]], ..attempt() };
        assert_eq!(judge(&pass, true, &certificate), Ok(Identity::default()));
    }
}
