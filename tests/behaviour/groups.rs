//! Groups of a process, by number and by the names in `/etc/group`; what a file that need not be there says; files that cannot be cloned.

use crate::{block_on, builder};

#[test]
fn groups_are_set_by_number_and_name() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let out = rt
            .exec(
                "
                process.setgroups([5, 'root', 7]);
                console.log(process.getgroups().join());
                process.initgroups('root', 9);
                console.log(process.getgroups().includes(9), process.getgroups().includes(5));
                const report = (work) => { try { work() } catch (error) { console.log(error.code) } };
                report(() => process.setgroups([1, 'nobody-has-this-name']));
                report(() => process.initgroups(1000000, 1));
                report(() => process.initgroups('root', 'nobody-has-this-name'));
                report(() => process.setgid('nobody-has-this-name'));
                process.setegid('root');
                const fs = process.getBuiltinModule('fs');
                report(() => fs.copyFileSync('/etc/group', '/tmp/group', fs.constants.COPYFILE_FICLONE_FORCE));
                ",
            )
            .await
            .unwrap();
        assert_eq!(
            out.stdout.text(),
            "5,0,7\ntrue false\nERR_UNKNOWN_CREDENTIAL\nERR_UNKNOWN_CREDENTIAL\nERR_UNKNOWN_CREDENTIAL\nERR_UNKNOWN_CREDENTIAL\nENOTSUP\n",
            "{}",
            out.stderr
        );
    });
}

#[test]
fn environment_file_that_is_not_there_is_told() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let out = rt
            .exec_command("/usr/bin/node", ["--env-file-if-exists=/nope", "-p", "1"])
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "1\n");
        assert_eq!(
            out.stderr.text(),
            "/nope not found. Continuing without it.\n"
        );
    });
}
