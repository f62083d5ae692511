//! Enhanced authentication that asks a riddle.

use bytes::Bytes;
use mqtt_broker::auth::{Attempt, AuthStep, Authenticator, Decision, Exchange, Identity, Judging, Refused};
use mqtt_codec::Text;

/// The method `RIDDLE`: the client says its name, is asked `why?` and has to answer `because`. Whose name is `open` is asked
/// nothing. It judges nobody by CONNECT alone.
#[derive(Debug)]
pub(crate) struct Riddle;

struct Asked {
    name: Option<Text>,
}

impl Authenticator for Riddle {
    fn name(&self) -> &'static str {
        "riddle"
    }

    fn authenticate<'a>(&'a self, _: &'a Attempt) -> Judging<'a, Decision> {
        Box::pin(async { Decision::Pass })
    }

    fn exchange(&self, method: &str, attempt: &Attempt) -> Option<Box<dyn Exchange>> {
        assert!(attempt.password.is_none() || attempt.user_name.is_some());
        (method == "RIDDLE").then(|| Box::new(Asked { name: None }) as Box<dyn Exchange>)
    }
}

impl Exchange for Asked {
    fn step<'a>(&'a mut self, data: Option<&'a [u8]>) -> Judging<'a, AuthStep> {
        Box::pin(async move { self.judge(data.unwrap_or_default()) })
    }
}

impl Asked {
    fn judge(&mut self, data: &[u8]) -> AuthStep {
        let text = std::str::from_utf8(data).expect("tests send text");
        match self.name.take() {
            None if text != "open" => {
                self.name = Text::new(text).ok();
                AuthStep::Continue(Bytes::from_static(b"why?"))
            }
            None => admit(Text::new("open").ok(), None),
            Some(name) if text == "because" => admit(Some(name), Some(Bytes::from_static(b"indeed"))),
            Some(_) => AuthStep::Refuse(Refused::Credentials),
        }
    }
}

fn admit(user_name: Option<Text>, data: Option<Bytes>) -> AuthStep {
    AuthStep::Admit { identity: Identity { user_name, ..Identity::default() }, data }
}
