// access asks for the real user, faccessat with AT_EACCESS for the effective one; root may not execute what nobody may.
// Spec: access(2)
// Needs: root
#include "../guest.h"

static void user(void) {
    must(setgroups(0, NULL) == 0 && setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 0, 0) == 0);
    say("real user: %s\n", result(access("secret", R_OK)));
    say("effective user: %s\n", result(faccessat(AT_FDCWD, "secret", R_OK, AT_EACCESS)));
    say("open goes by the effective: %s\n", result(open("secret", O_RDONLY)));
}

int main(void) {
    put("secret", "x"), put("script", "");
    must(chmod("secret", 0600) == 0 && chmod("script", 0755) == 0 && symlink("none", "dangling") == 0);
    say("exists: %s\n", result(access("secret", F_OK)));
    say("read and write: %s\n", result(access("secret", R_OK | W_OK)));
    say("execute: %s ", result(access("secret", X_OK)));
    say("%s\n", result(access("script", X_OK)));
    say("missing: %s\n", result(access("none", F_OK)));
    say("dangling: %s\n", result(access("dangling", F_OK)));
    say("bad mode: %s\n", result(access("secret", 0x100)));
    say("directory: %s\n", result(access(".", X_OK)));
    in_child(user);
    return 0;
}
