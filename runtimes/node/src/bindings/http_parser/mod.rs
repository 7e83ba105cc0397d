//! `internalBinding('http_parser')`: `HTTPParser` over llhttp, `ConnectionsList`. Node: `src/node_http_parser.cc`.
//!
//! Reading order: `message` (what has been read of the message under way), `parser` (the class, and what the machine tells it),
//! `connections` (which parsers wait for what).

mod connections;
mod message;
mod parser;

use crate::glue::Binding;

pub(super) const BINDING: Binding = Binding::new("http_parser")
    .class(&parser::HTTP_PARSER)
    .class(&connections::CONNECTIONS_LIST);
