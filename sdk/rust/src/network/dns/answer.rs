//! What the name service answers to one question: [`Answering`].
//!
//! Overrides, `localhost`, then the policy; what it refuses does not exist (`NXDOMAIN`, so that programs do not wait), and the audit trace
//! says why. Addresses come from the resolver, other records from the host's name servers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use cenote_base::policy::{Policy, Request, Verdict};
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA};
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};

use super::upstream::{HostResolver, forward};
use super::{Names, Resolve, canonical};
use crate::network::pins::Pins;

/// How long a resolver may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What our own answers say of how long they hold, in seconds.
const TIME_TO_LIVE: u32 = 30;
/// Addresses told of one name.
const MAX_ADDRESSES: usize = 64;

/// What answers are made of.
#[derive(Debug)]
pub(super) struct Answering {
    names: Names,
    policy: Arc<dyn Policy>,
    pins: Arc<Pins>,
}

impl Answering {
    pub(super) fn new(names: Names, policy: Arc<dyn Policy>, pins: Arc<Pins>) -> Self {
        Self {
            names,
            policy,
            pins,
        }
    }

    /// Whether the embedder's network answers for everything outside: then the host is not asked.
    fn is_of_embedder(&self) -> bool {
        self.names.network.is_some()
    }

    /// The answer to a message; `None` for what is no question at all.
    pub(super) async fn answer(&self, bytes: &[u8]) -> Option<Message> {
        let asked = Message::from_vec(bytes).ok()?;
        if asked.metadata.message_type != MessageType::Query {
            return None;
        }
        let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
        answer.metadata.recursion_desired = asked.metadata.recursion_desired;
        answer.metadata.recursion_available = true;
        answer.add_queries(asked.queries.iter().cloned());
        let [question] = asked.queries.as_slice() else {
            answer.metadata.response_code = ResponseCode::FormErr;
            return Some(answer);
        };
        if asked.metadata.op_code != OpCode::Query || question.query_class() != DNSClass::IN {
            answer.metadata.response_code = ResponseCode::NotImp;
            return Some(answer);
        }
        let name = canonical(&question.name().to_ascii());
        answer.metadata.response_code = match question.query_type() {
            kind @ (RecordType::A | RecordType::AAAA) => match self.addresses(&name).await {
                Ok(found) => {
                    for address in found {
                        let data = match (kind, address) {
                            (RecordType::A, IpAddr::V4(v4)) => RData::A(A(v4)),
                            (RecordType::AAAA, IpAddr::V6(v6)) => RData::AAAA(AAAA(v6)),
                            _ => continue,
                        };
                        let owner = question.name().clone();
                        answer.add_answer(Record::from_rdata(owner, TIME_TO_LIVE, data));
                    }
                    ResponseCode::NoError
                }
                Err(code) => code,
            },
            _ if self.own(&name).is_some() => ResponseCode::NoError,
            _ if !self.allows(&name) => ResponseCode::NXDomain,
            // It knows addresses only.
            _ if self.is_of_embedder() => ResponseCode::NoError,
            _ => match forward(&asked).await {
                Ok(told) => {
                    answer.add_answers(told.answers);
                    answer.add_authorities(told.authorities);
                    told.metadata.response_code
                }
                Err(error) => {
                    tracing::debug!(target: "cenote::net", %error, name, "no name server of the host answers");
                    ResponseCode::ServFail
                }
            },
        };
        Some(answer)
    }

    /// What is known without asking anybody.
    fn own(&self, name: &str) -> Option<Vec<IpAddr>> {
        if let Some(own) = self.names.overrides.get(name) {
            return Some(own.clone());
        }
        // RFC 6761: never anything else.
        (name == "localhost" || name.ends_with(".localhost")).then(|| {
            vec![
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(Ipv6Addr::LOCALHOST),
            ]
        })
    }

    fn allows(&self, name: &str) -> bool {
        match self.policy.decide(&Request::Resolve { name }) {
            Verdict::Allow => true,
            Verdict::Deny { reason, .. } => {
                tracing::info!(target: "cenote::audit", name, reason, "refused to look a name up");
                false
            }
        }
    }

    /// The addresses of a name, remembered.
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, ResponseCode> {
        if let Some(own) = self.own(name) {
            self.pins.remember(name, &own);
            return Ok(own);
        }
        if !self.allows(name) {
            return Err(ResponseCode::NXDomain);
        }
        let resolving = match (&self.names.resolver, &self.names.network) {
            (Some(resolver), _) | (None, Some(resolver)) => resolver.resolve(name),
            (None, None) => HostResolver.resolve(name),
        };
        // An embedder's network has a patience of its own.
        let patience = if self.is_of_embedder() {
            PATIENCE * 3
        } else {
            PATIENCE
        };
        let found = match tokio::time::timeout(patience, resolving).await {
            Ok(found) => found,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        match found {
            Ok(found) if found.is_empty() => Err(ResponseCode::NXDomain),
            Ok(mut found) => {
                found.truncate(MAX_ADDRESSES);
                if self.is_of_embedder() {
                    self.pins.vouch(name, &found);
                } else {
                    self.pins.remember(name, &found);
                }
                Ok(found)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ResponseCode::NXDomain),
            Err(error) => {
                tracing::debug!(target: "cenote::net", %error, name, "a name that cannot be looked up");
                Err(ResponseCode::ServFail)
            }
        }
    }
}
