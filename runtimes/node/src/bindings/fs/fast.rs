//! What optimised JavaScript calls of `internalBinding('fs')`: questions about paths, which answer a number.

use encoding_rs::mem::decode_latin1;

use crate::bindings::permission::{self, Permission};
use crate::glue::{Failure, FastContext, fast_call};

use super::{modules, paths};

fast_call!(EXISTS_SYNC: exists_sync(text) -> bool);
fast_call!(INTERNAL_MODULE_STAT: internal_module_stat(text) -> i32);

fn exists_sync(context: FastContext<'_>, path: &[u8]) -> Result<bool, Failure> {
    let path = decode_latin1(path);
    if path.contains('\0') {
        return Ok(false);
    }
    let env = context.env();
    if permission::is_enabled_in(&env) {
        // V8's string may move when the refusal is made.
        let path = path.as_bytes().to_vec();
        context.with_scope(|scope| permission::check(scope, Permission::FileSystemRead, &path))?;
    }
    Ok(paths::exists(&env, path.as_bytes()))
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of fast calls")]
fn internal_module_stat(context: FastContext<'_>, path: &[u8]) -> Result<i32, Failure> {
    let path = decode_latin1(path);
    if path.contains('\0') {
        return Ok(modules::NOTHING);
    }
    Ok(modules::module_stat(&context.env(), path.as_bytes()))
}
