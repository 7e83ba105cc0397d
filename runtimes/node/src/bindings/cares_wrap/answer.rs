//! What a name server answered, as JavaScript values. Node: `Parse…Reply` in `src/cares_wrap.cc`.

use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, Record};

use crate::glue::{Object, Scope, ScopeExt, Value, new_array_buffer};

/// What was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Any,
    A,
    Aaaa,
    Caa,
    Cname,
    Mx,
    Ns,
    Tlsa,
    Txt,
    Srv,
    Ptr,
    Naptr,
    Soa,
    /// The names of an address.
    Reverse,
}

/// The order in which an answer to `ANY` tells its records.
const ORDER: &[Kind] = &[
    Kind::A,
    Kind::Aaaa,
    Kind::Cname,
    Kind::Mx,
    Kind::Ns,
    Kind::Txt,
    Kind::Srv,
    Kind::Ptr,
    Kind::Naptr,
    Kind::Soa,
    Kind::Caa,
    Kind::Tlsa,
];

/// An answer, and the times to live of addresses.
type Answer<'s> = (Value<'s>, Option<Value<'s>>);

impl Kind {
    /// The answer in a message; a c-ares error when it has none.
    pub(super) fn answer<'s>(
        self,
        scope: &Scope<'s, '_>,
        message: &Message,
    ) -> Result<Answer<'s>, &'static str> {
        let records = &message.answers;
        if self == Self::Any {
            let all: Vec<Value<'s>> = ORDER
                .iter()
                .flat_map(|kind| {
                    records
                        .iter()
                        .filter_map(|record| kind.typed(scope, record))
                })
                .collect();
            return if all.is_empty() {
                Err("ENODATA")
            } else {
                Ok((scope.array(&all).into(), None))
            };
        }
        let mut values = Vec::new();
        let mut times = Vec::new();
        for record in records {
            if let Some(value) = self.value(scope, &record.data) {
                values.push(value);
                times.push(scope.number(f64::from(record.ttl)));
            }
        }
        match (self, values.first()) {
            (_, None) => Err("ENODATA"),
            (Self::Soa, Some(first)) => Ok((*first, None)),
            (Self::A | Self::Aaaa, Some(_)) => Ok((
                scope.array(&values).into(),
                Some(scope.array(&times).into()),
            )),
            (_, Some(_)) => Ok((scope.array(&values).into(), None)),
        }
    }

    /// A record as an element of the answer to its own kind of question.
    fn value<'s>(self, scope: &Scope<'s, '_>, data: &RData) -> Option<Value<'s>> {
        Some(match (self, data) {
            (Self::A, RData::A(address)) => scope.text(&address.0.to_string()).into(),
            (Self::Aaaa, RData::AAAA(address)) => scope.text(&address.0.to_string()).into(),
            (Self::Cname, RData::CNAME(name)) => text_of(scope, &name.0),
            (Self::Ns, RData::NS(name)) => text_of(scope, &name.0),
            (Self::Ptr | Self::Reverse, RData::PTR(name)) => text_of(scope, &name.0),
            (Self::Txt, RData::TXT(text)) => {
                let parts: Vec<Value<'s>> = text
                    .txt_data
                    .iter()
                    .map(|part| bytes_of(scope, part))
                    .collect();
                scope.array(&parts).into()
            }
            _ => self.object(scope, data)?.into(),
        })
    }

    /// A record of several fields. Which of them name their type is as Node has it.
    fn object<'s>(self, scope: &Scope<'s, '_>, data: &RData) -> Option<Object<'s>> {
        let object = scope.object();
        let number = |key: &str, value: u32| scope.set(object, key, scope.number(value.into()));
        let set = |key: &str, value: Value<'s>| scope.set(object, key, value);
        match (self, data) {
            (Self::Mx, RData::MX(mx)) => {
                set("exchange", text_of(scope, &mx.exchange));
                number("priority", mx.preference.into());
                set("type", scope.name("MX").into());
            }
            (Self::Srv, RData::SRV(srv)) => {
                set("name", text_of(scope, &srv.target));
                number("port", srv.port.into());
                number("priority", srv.priority.into());
                number("weight", srv.weight.into());
                set("type", scope.name("SRV").into());
            }
            (Self::Soa, RData::SOA(soa)) => {
                set("nsname", text_of(scope, &soa.mname));
                set("hostmaster", text_of(scope, &soa.rname));
                number("serial", soa.serial);
                number("refresh", soa.refresh.cast_unsigned());
                number("retry", soa.retry.cast_unsigned());
                number("expire", soa.expire.cast_unsigned());
                number("minttl", soa.minimum);
                set("type", scope.undefined());
            }
            (Self::Naptr, RData::NAPTR(naptr)) => {
                set("flags", bytes_of(scope, &naptr.flags));
                set("service", bytes_of(scope, &naptr.services));
                set("regexp", bytes_of(scope, &naptr.regexp));
                set("replacement", text_of(scope, &naptr.replacement));
                number("order", naptr.order.into());
                number("preference", naptr.preference.into());
                set("type", scope.undefined());
            }
            (Self::Caa, RData::CAA(caa)) => {
                number("critical", caa.flags().into());
                set("type", scope.name("CAA").into());
                set(&caa.tag, bytes_of(scope, &caa.value));
            }
            (Self::Tlsa, RData::TLSA(tlsa)) => {
                number("certUsage", u8::from(tlsa.cert_usage).into());
                number("selector", u8::from(tlsa.selector).into());
                number("match", u8::from(tlsa.matching).into());
                set(
                    "data",
                    new_array_buffer(scope, tlsa.cert_data.clone()).into(),
                );
            }
            _ => return None,
        }
        Some(object)
    }

    /// A record as an element of the answer to `ANY`.
    fn typed<'s>(self, scope: &Scope<'s, '_>, record: &Record) -> Option<Value<'s>> {
        let value = self.value(scope, &record.data)?;
        let (name, key) = match self {
            Self::A => ("A", "address"),
            Self::Aaaa => ("AAAA", "address"),
            Self::Cname => ("CNAME", "value"),
            Self::Ns => ("NS", "value"),
            Self::Ptr => ("PTR", "value"),
            Self::Txt => ("TXT", "entries"),
            Self::Mx => ("MX", ""),
            Self::Srv => ("SRV", ""),
            Self::Naptr => ("NAPTR", ""),
            Self::Soa => ("SOA", ""),
            Self::Caa => ("CAA", ""),
            Self::Tlsa => return Some(value),
            Self::Any | Self::Reverse => return None,
        };
        let object = if key.is_empty() {
            Object::try_from(value).ok()?
        } else {
            let object = scope.object();
            scope.set(object, key, value);
            object
        };
        if matches!(self, Self::A | Self::Aaaa) {
            scope.set(object, "ttl", scope.number(record.ttl.into()));
        }
        scope.set(object, "type", scope.name(name).into());
        Some(object.into())
    }
}

/// A name without its last dot.
fn text_of<'s>(scope: &Scope<'s, '_>, name: &Name) -> Value<'s> {
    let text = name.to_ascii();
    scope.text(text.strip_suffix('.').unwrap_or(&text)).into()
}

/// Bytes as a one-byte string.
fn bytes_of<'s>(scope: &Scope<'s, '_>, bytes: &[u8]) -> Value<'s> {
    scope
        .latin1(bytes)
        .unwrap_or_else(|_| v8::String::empty(scope))
        .into()
}
