//! Hostile JavaScript against the limits of one process: the cases of V8's that one host process can contain. Each is stopped by the
//! limit that is named, and the machine goes on.

use std::time::Duration;

use cenote::{NodeRuntime, Output};

use crate::block_on;

/// Runs the code in a machine with small limits, and a second program after it.
fn run(code: &str) -> Output {
    block_on(async {
        let rt = NodeRuntime::builder()
            .js_heap(32 << 20)
            .array_buffers(64 << 20)
            .create()
            .await
            .unwrap();
        let out = rt
            .exec(code)
            .timeout(Duration::from_secs(20))
            .await
            .unwrap();
        let after = rt.exec("console.log('alive')").await.unwrap();
        assert_eq!(after.stdout.text(), "alive\n", "{}", after.stderr);
        out
    })
}

/// Stopped by the caller's timeout.
fn times_out(code: &str) {
    block_on(async {
        let rt = NodeRuntime::create().await.unwrap();
        let out = rt
            .exec(code)
            .timeout(Duration::from_millis(700))
            .await
            .unwrap();
        assert!(out.timed_out, "{} {}", out.exit_code, out.stderr);
        let after = rt.exec("console.log('alive')").await.unwrap();
        assert_eq!(after.stdout.text(), "alive\n", "{}", after.stderr);
    });
}

/// Stopped by the heap limit, which no code of the guest's can catch.
fn ends_by_the_heap_limit(code: &str) {
    let guarded = format!(
        "process.on('uncaughtException', () => console.log('caught'));
         process.on('exit', () => console.log('exit'));
         try {{ {code} }} catch {{ console.log('caught') }} finally {{ console.log('finally') }}"
    );
    let out = run(&guarded);
    assert_eq!(out.stdout.text(), "", "{}", out.stderr);
    assert!(
        out.stderr.text().contains("js_heap: 32 MiB"),
        "the limit is named: {}",
        out.stderr
    );
    assert_eq!(out.exit_code, 134);
}

#[test]
fn loop_of_code_is_ended() {
    times_out("while (true) {}");
}

#[test]
fn loop_of_microtasks_is_ended() {
    times_out("const again = () => Promise.resolve().then(again); again();");
}

#[test]
fn catastrophic_regular_expression_is_ended() {
    times_out("/^(a+)+$/.test('a'.repeat(60) + 'b')");
}

#[test]
fn loop_that_catches_everything_is_ended() {
    times_out("for (;;) { try { while (true) {} } catch {} finally { while (true) {} } }");
}

#[test]
fn growing_array_ends_by_the_heap_limit() {
    ends_by_the_heap_limit("const a = []; for (;;) a.push(new Array(1000));");
}

#[test]
fn growing_object_ends_by_the_heap_limit() {
    ends_by_the_heap_limit("const o = {}; for (let i = 0; ; i++) o['k' + i] = i;");
}

#[test]
fn spread_of_a_huge_string_ends_by_the_heap_limit() {
    ends_by_the_heap_limit("const a = [...'x'.repeat(2 ** 29 - 30)];");
}

#[test]
fn refused_array_buffers_do_not_lift_the_heap_limit() {
    ends_by_the_heap_limit(
        "for (let i = 0; i < 20; i++) { try { new ArrayBuffer(2 ** 30) } catch {} }
         const a = []; for (;;) a.push(new Array(1000));",
    );
}

#[test]
fn array_buffers_past_their_quota_are_a_range_error() {
    let out = run("
        const kept = [];
        try { for (;;) kept.push(Buffer.alloc(1 << 20)) } catch (error) { console.log(error.name, kept.length > 40, kept.length <= 64); }
        kept.length = 0;
        for (const size of [2 ** 28, 2 ** 31]) { try { new ArrayBuffer(size) } catch (error) { console.log(error.name); } }
        console.log(Buffer.alloc(10).length);
    ");
    assert_eq!(
        out.stdout.text(),
        "RangeError true true\nRangeError\nRangeError\n10\n",
        "{}",
        out.stderr
    );
}

#[test]
fn end_of_the_stack_is_a_range_error() {
    let out = run("
        const deep = () => deep() + 1;
        try { deep() } catch (error) { console.log(error.name, error.message) }
    ");
    assert_eq!(
        out.stdout.text(),
        "RangeError Maximum call stack size exceeded\n",
        "{}",
        out.stderr
    );
}
