//! What the embedder is told of a machine: refusals, limits, what is in use.

use cenote::{Event, FileAccess, FileRule, Limits, Permissions, Scope};

use crate::{block_on, builder};

#[test]
fn refusals_are_told_with_subject_and_reason() {
    block_on(async {
        let rt = builder()
            .permissions(Permissions {
                files: vec![FileRule::new(
                    cenote::Effect::Deny,
                    FileAccess::Write,
                    "/etc/**",
                )],
                programs: vec!["/bin/*".into(), "/usr/bin/*".into()],
                ..Permissions::default()
            })
            .create()
            .await
            .unwrap();
        let mut events = rt.events();
        let out = rt
            .shell("echo x > /etc/passwd; cp /bin/true /tmp/own; /tmp/own; echo $?")
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "126\n");
        let first = events.next().await.unwrap();
        assert!(
            matches!(&first, Event::Refused { scope: Scope::Fs, operation, subject, reason }
                if operation == "write" && subject == "/etc/passwd" && reason.contains("/etc/**")),
            "{first:?}"
        );
        let second = events.next().await.unwrap();
        assert!(
            matches!(&second, Event::Refused { scope: Scope::ChildProcess, operation, subject, .. }
                if operation == "spawn" && subject == "/tmp/own"),
            "{second:?}"
        );
        rt.dispose().await;
        drop(rt);
        assert_eq!(events.next().await, None);
    });
}

#[test]
fn limits_that_are_near_or_reached_are_told_by_the_name_of_their_option() {
    block_on(async {
        let rt = builder()
            .limits(Limits {
                processes: 10,
                ..Limits::default()
            })
            .create()
            .await
            .unwrap();
        let mut events = rt.events();
        let idle = rt.resources().unwrap();
        let processes = |list: &[cenote::ResourceUse]| {
            *list
                .iter()
                .find(|one| one.option == "limits.processes")
                .unwrap()
        };
        assert_eq!(processes(&idle).limit, 10);
        let out = rt
            .shell("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 0.5 & done 2>/dev/null; wait; exit 0")
            .await
            .unwrap();
        assert!(!out.timed_out);
        let near = events.next().await.unwrap();
        assert_eq!(
            near,
            Event::LimitNear {
                option: "limits.processes",
                used: 8,
                limit: 10
            }
        );
        let reached = events.next().await.unwrap();
        assert_eq!(
            reached,
            Event::LimitReached {
                option: "limits.processes",
                used: 10,
                limit: 10
            }
        );
        // The shell gave up at the limit; its children sleep on for a while.
        for _ in 0..500 {
            if processes(&rt.resources().unwrap()).used == processes(&idle).used {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("what ended did not give back: {:?}", rt.resources());
    });
}
