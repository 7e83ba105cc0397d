//! Filesystems of the `vfs` crate in a machine.

use std::io::Write as _;

use cenote::vfs::{MemoryFS, VfsPath};

use crate::block_on;

#[test]
fn filesystem_of_the_vfs_crate_is_read_and_written_by_both_runtimes() {
    let files = VfsPath::new(MemoryFS::new());
    files.join("notes").unwrap().create_dir().unwrap();
    writeln!(
        files.join("notes/one.txt").unwrap().create_file().unwrap(),
        "from the embedder"
    )
    .unwrap();
    block_on(async {
        let rt = crate::builder()
            .mount_vfs(files.clone(), "/data")
            .create()
            .await
            .unwrap();
        let out = rt
            .shell(
                "cat /data/notes/one.txt; echo from sh > /data/two.txt; mkdir /data/dir; ls /data",
            )
            .await
            .unwrap();
        assert_eq!(
            out.stdout.text(),
            "from the embedder\ndir\nnotes\ntwo.txt\n",
            "{}",
            out.stderr
        );
        let out = rt
            .exec(
                r#"import fs from "node:fs";
                   fs.appendFileSync("/data/two.txt", "from node\n");
                   console.log(fs.readdirSync("/data").sort().join(), fs.statSync("/data/notes").isDirectory());
                   try { fs.symlinkSync("a", "/data/link"); } catch (error) { console.log(error.code); }"#,
            )
            .await
            .unwrap();
        assert_eq!(
            out.stdout.text(),
            "dir,notes,two.txt true\nEPERM\n",
            "{}",
            out.stderr
        );
    });
    let text = files.join("two.txt").unwrap().read_to_string().unwrap();
    assert_eq!(text, "from sh\nfrom node\n");
}

#[test]
fn mount_of_a_relative_path_is_refused_by_name() {
    block_on(async {
        let error = crate::builder()
            .mount_vfs(VfsPath::new(MemoryFS::new()), "data")
            .create()
            .await
            .unwrap_err();
        assert!(error.to_string().contains("`data`"), "{error}");
    });
}

#[test]
fn working_directory_and_seeded_files_may_lie_in_it_and_files_change_in_their_middle() {
    let files = VfsPath::new(MemoryFS::new());
    block_on(async {
        let rt = crate::builder()
            .mount_vfs(files.clone(), "/data")
            .cwd("/data/work")
            .file("/data/seed", "seeded")
            .create()
            .await
            .unwrap();
        let out = rt
            .shell(
                "pwd; cat ../seed; printf Jelly | dd of=../seed conv=notrunc 2> /tmp/e; cat ../seed;
                 mv ../seed kept; printf + >> kept; truncate -s 3 ../long; ls ..; wc -c < ../long; chmod 600 kept || echo refused",
            )
            .await
            .unwrap();
        assert_eq!(
            out.stdout.text(),
            "/data/work\nseededJellydlong\nwork\n3\nrefused\n",
            "{}",
            out.stderr
        );
        rt.dispose().await;
    });
    let text = files.join("work/kept").unwrap().read_to_string().unwrap();
    assert_eq!(text, "Jellyd+");
}
