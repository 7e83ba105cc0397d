// A child inherits directory, umask, limits and environment, but no pending alarm.
// Spec: fork(2)
#include "../guest.h"
#include <sys/resource.h>

static void body(void) {
    struct rlimit limit;
    char cwd[4096];
    must(getcwd(cwd, sizeof cwd) != NULL);
    say("directory ends in: %s\n", strrchr(cwd, '/'));
    say("umask %03o\n", umask(0));
    getrlimit(RLIMIT_NOFILE, &limit);
    say("open files %d\n", (int)limit.rlim_cur);
    say("variable %s\n", getenv("INHERITED"));
    say("alarm left %d\n", alarm(0));
    umask(0777);
    must(chdir("..") == 0);
    setenv("INHERITED", "changed", 1);
}

int main(void) {
    struct rlimit limit;
    mkdir("here", 0755);
    must(chdir("here") == 0);
    umask(037);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 111;
    must(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    setenv("INHERITED", "yes", 1);
    alarm(100);
    in_child(body);
    say("alarm of the parent still set: %d\n", alarm(0) > 0);
    char cwd[4096];
    must(getcwd(cwd, sizeof cwd) != NULL);
    say("the parent's are unchanged: %s %03o %s\n", strrchr(cwd, '/'), umask(0), getenv("INHERITED"));
    return 0;
}
