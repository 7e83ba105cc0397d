//! A session that a debugger of the main thread has with a worker: what the worker's inspector says is posted to the main thread, which tells the debugger.

use std::sync::Arc;

use crate::environment::Environment;
use crate::inspector::agent::{Agent, Frontend, Sink, next_session};
use crate::inspector::workers::Target;
use crate::inspector::{Mailbox, mailbox};

/// Tells the debugger a message of the session with this name, in the words of the domain that opened it.
pub(super) type Tell = fn(&Agent, &Frontend, name: String, message: &str);

/// Opens a session named `name` with a worker; answers its number.
pub(super) fn open(
    env: &Environment,
    frontend: &Frontend,
    worker: &Target,
    name: String,
    tell: Tell,
) -> i32 {
    let session = next_session();
    let sink = ToMain {
        main: mailbox(env),
        frontend: frontend.id,
        session,
        name,
        tell,
    };
    let connect = move |agent: &Agent| agent.connect(session, Box::new(sink), true);
    worker.mailbox.post(move |_, agent| connect(agent));
    session
}

struct ToMain {
    main: Arc<Mailbox>,
    frontend: i32,
    session: i32,
    name: String,
    tell: Tell,
}

impl Sink for ToMain {
    fn send(&self, agent: &Agent, message: String) {
        let (frontend, name, tell) = (self.frontend, self.name.clone(), self.tell);
        let has_room = self.main.post_message(message, move |_, agent, message| {
            // One that is gone needs to hear nothing.
            if let Some(frontend) = agent.all().into_iter().find(|one| one.id == frontend) {
                tell(agent, &frontend, name, message);
            }
        });
        if !has_room {
            agent.disconnect(self.session);
        }
    }
}
