//! What happens in a machine in another process, who runs there, how much it uses.

use std::sync::Arc;

use cenote_proto::v1::vm_event::Event as Told;
use cenote_proto::v1::{
    EventsRequest, ListProcessesRequest, ProcessState, ResourceUsage, ResourcesRequest, VmEvent,
};
use tonic::Streaming;

use super::Remote;
use super::failure::About;
use crate::events::{Event, Events};
use crate::limits::option_of_contract;
use crate::{Error, ProcessActivity, ProcessSummary, ResourceUse, Scope, host};

/// The option's name, as this crate knows it.
fn option(usage: &ResourceUsage) -> Option<&'static str> {
    option_of_contract(&usage.option)
}

fn event(told: Told) -> Option<Event> {
    Some(match told {
        Told::Refusal(refusal) => Event::Refused {
            scope: Scope::named(&refusal.permission)?,
            operation: refusal.operation,
            subject: refusal.subject,
            reason: refusal.reason,
        },
        Told::Limit(limit) => {
            let usage = limit.usage?;
            let (option, used, limit_is) = (option(&usage)?, usage.used, usage.limit);
            if limit.reached {
                Event::LimitReached {
                    option,
                    used,
                    limit: limit_is,
                }
            } else {
                Event::LimitNear {
                    option,
                    used,
                    limit: limit_is,
                }
            }
        }
        Told::Lost(count) => Event::Lost { count },
        Told::Ended(_) => return None,
    })
}

async fn pass_on(mut told: Streaming<VmEvent>, events: std::sync::Weak<Events>) {
    while let Ok(Some(next)) = told.message().await {
        // Nobody can listen any more once the machine's handle is gone.
        let Some(events) = events.upgrade() else {
            return;
        };
        if let Some(event) = next.event.and_then(event) {
            events.publish(|| event);
        }
    }
}

impl Remote {
    /// Has the machine's events published from now on; when this returns, none is missed.
    pub(crate) fn listen(&self, events: &Arc<Events>) {
        if !self.first_listener() {
            return;
        }
        let (mut vms, remote) = (self.vms(), self.clone());
        let request = EventsRequest {
            vm: self.id().to_owned(),
        };
        let events = Arc::downgrade(events);
        let listening = host::wait(async move {
            let call = async move { vms.events(request).await };
            let told = remote.call(About::Machine, call).await?;
            host::spawn(pass_on(told, events));
            Ok(())
        });
        if let Err(error) = listening {
            tracing::warn!(%error, "the machine's events cannot be had");
        }
    }

    pub(crate) fn resources(&self) -> Result<Vec<ResourceUse>, Error> {
        let (mut vms, remote) = (self.vms(), self.clone());
        let request = ResourcesRequest {
            vm: self.id().to_owned(),
        };
        host::wait(async move {
            let call = async move { vms.resources(request).await };
            let reply = remote.call(About::Machine, call).await?;
            let known = reply.resources.iter().filter_map(|usage| {
                Some(ResourceUse {
                    option: option(usage)?,
                    used: usage.used,
                    limit: usage.limit,
                })
            });
            Ok(known.collect())
        })
    }

    pub(crate) fn list_processes(&self) -> Result<Vec<ProcessSummary>, Error> {
        let (mut processes, remote) = (self.processes(), self.clone());
        host::wait(async move {
            let call = async move { processes.list(ListProcessesRequest {}).await };
            let reply = remote.call(About::Machine, call).await?;
            let all = reply.processes.into_iter().map(|process| ProcessSummary {
                pid: process.pid,
                parent: process.parent,
                group: process.group,
                session: process.session,
                uid: process.uid,
                activity: match process.state() {
                    ProcessState::Live | ProcessState::Unspecified => ProcessActivity::Live,
                    ProcessState::Stopped => ProcessActivity::Stopped,
                    ProcessState::Zombie => ProcessActivity::Zombie,
                },
                name: process.name.into(),
                argv: process.argv.into_iter().map(Into::into).collect(),
            });
            Ok(all.collect())
        })
    }
}
