//! Typed details of errors: [`ErrorDetail`] inside a gRPC status.

use prost::Message;
use tonic::{Code, Status};

use crate::rpc;
use crate::v1::ErrorDetail;

/// The name by which an `Any` says that it holds an [`ErrorDetail`].
const TYPE_URL: &str = "type.googleapis.com/cenote.v1.ErrorDetail";

/// A status that carries `detail`, as `google.rpc.Status` in the trailer `grpc-status-details-bin`.
#[must_use]
pub fn status_with(code: Code, message: impl Into<String>, detail: &ErrorDetail) -> Status {
    let message = message.into();
    let details = rpc::Status {
        code: code.into(),
        message: message.clone(),
        details: vec![prost_types::Any {
            type_url: TYPE_URL.into(),
            value: detail.encode_to_vec(),
        }],
    };
    Status::with_details(code, message, details.encode_to_vec().into())
}

/// The detail a status carries, if it has one of ours.
#[must_use]
pub fn detail_of(status: &Status) -> Option<ErrorDetail> {
    let details = rpc::Status::decode(status.details()).ok()?;
    let any = details
        .details
        .iter()
        .find(|any| any.type_url == TYPE_URL)?;
    ErrorDetail::decode(any.value.as_slice()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detail_comes_back_from_a_status() {
        let detail = ErrorDetail {
            code: "ENOENT".into(),
            path: b"/nowhere".as_slice().into(),
            ..ErrorDetail::default()
        };
        let status = status_with(Code::NotFound, "no such file", &detail);
        assert_eq!(detail_of(&status), Some(detail));
        assert_eq!(status.code(), Code::NotFound);
    }

    #[test]
    fn foreign_details_are_nothing() {
        let status = Status::with_details(Code::Internal, "x", vec![0xff, 1, 2].into());
        assert_eq!(detail_of(&status), None);
    }
}
