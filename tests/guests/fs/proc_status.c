// /proc/self/status and stat give name, state, ids and parent in the documented form.
// Spec: proc(5), /proc/pid/stat, /proc/pid/status
#include "../guest.h"
#include <sys/prctl.h>

int main(void) {
    char line[1024], name[64];
    prctl(PR_SET_NAME, "odd) name");
    FILE *in = fopen("/proc/self/status", "r");
    must(in != NULL);
    while (fgets(line, sizeof line, in)) {
        int value;
        if (sscanf(line, "Name:\t%63[^\n]", name) == 1) say("Name: %s\n", name);
        if (strncmp(line, "State:", 6) == 0) say("%s", line);
        if (sscanf(line, "Pid:\t%d", &value) == 1) say("Pid right: %d\n", value == getpid());
        if (sscanf(line, "PPid:\t%d", &value) == 1) say("PPid right: %d\n", value == getppid());
        int ids[4];
        if (sscanf(line, "Uid:\t%d\t%d\t%d\t%d", ids, ids + 1, ids + 2, ids + 3) == 4)
            say("Uid right: %d\n", ids[0] == (int)getuid() && ids[1] == (int)geteuid());
    }
    in = fopen("/proc/self/stat", "r");
    must(in != NULL && fgets(line, sizeof line, in));
    int pid, parent, group, session;
    char state;
    char *after = strrchr(line, ')');
    must(after && sscanf(line, "%d", &pid) == 1 && sscanf(after + 2, "%c %d %d %d", &state, &parent, &group, &session) == 4);
    say("stat: id %d, state %c, parent %d, group %d, session %d\n", pid == getpid(), state, parent == getppid(), group == getpgrp(),
        session == getsid(0));
    *after = 0;
    say("name in it: %s\n", strchr(line, '(') + 1);
    int fields = 2;
    for (char *p = after + 1; *p; p++) fields += *p == ' ';
    say("fields: %d\n", fields);
    return 0;
}
