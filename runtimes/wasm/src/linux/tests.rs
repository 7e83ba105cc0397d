//! Linux programs in text form: calls, memory, signals.

use super::*;

#[test]
fn every_bound_call_is_in_the_abi_table_with_these_arguments() {
    let engine = wasmtime::Engine::default();
    let mut linker: Linker<Process> = Linker::new(&engine);
    define_calls(&mut linker).unwrap();
    for name in BOUND {
        assert!(
            SYSCALLS.iter().any(|row| row.name == *name),
            "{name} is in no table"
        );
    }
}

#[test]
fn every_call_of_the_table_links() {
    let engine = wasmtime::Engine::default();
    let mut linker: Linker<Process> = Linker::new(&engine);
    define(&mut linker).unwrap();
    let mut text = String::from("(module");
    for row in SYSCALLS {
        let kinds: Vec<&str> = row
            .arguments
            .bytes()
            .map(|kind| if kind == b'l' { "i64" } else { "i32" })
            .collect();
        let parameters = if kinds.is_empty() {
            String::new()
        } else {
            format!("(param {})", kinds.join(" "))
        };
        text.push_str(&format!(
            "(import \"wali\" \"SYS_{}\" (func {parameters} (result i64)))",
            row.name
        ));
    }
    text.push(')');
    let module = wasmtime::Module::new(&engine, text).unwrap();
    linker.instantiate_pre(&module).unwrap();
}

#[test]
fn what_is_not_bound_is_said_to_be_missing() {
    use cenote_abi::syscall_table::Support;
    for row in SYSCALLS
        .iter()
        .filter(|row| !BOUND.contains(&row.name) && !FORKS.contains(&row.name))
    {
        assert!(
            matches!(row.support, Support::Missing(_)),
            "{}: see kernel/abi/src/syscall_support.rs",
            row.name
        );
    }
}
