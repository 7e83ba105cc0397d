// Membership in a supplementary group grants the group's bits.
// Spec: credentials(7), setgroups(2)
// Needs: root
#include "../guest.h"

static void member(void) {
    gid_t groups[] = {50, 100, 150}, back[8];
    must(setgroups(3, groups) == 0 && setresgid(2000, 2000, 2000) == 0 && setresuid(2000, 2000, 2000) == 0);
    say("groups: %d\n", getgroups(8, back));
    say("%d %d %d\n", (int)back[0], (int)back[1], (int)back[2]);
    say("read: %s\n", result(open("f", O_RDONLY)));
    say("too small a list: %s\n", result(getgroups(2, back)));
    say("setgroups by a user: %s\n", result(setgroups(0, NULL)));
}

static void stranger(void) {
    become(2000);
    say("groups: %d\n", getgroups(0, NULL));
    say("read: %s\n", result(open("f", O_RDONLY)));
}

int main(void) {
    put("f", "x");
    must(chown("f", 0, 100) == 0 && chmod("f", 0640) == 0);
    in_child(member);
    in_child(stranger);
    return 0;
}
