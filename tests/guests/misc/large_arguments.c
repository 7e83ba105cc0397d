// A hundred thousand bytes of one argument and two thousand arguments reach the next program.
// Spec: execve(2), "Limits on size of arguments and environment"
#include "../guest.h"

int main(int argc, char **argv) {
    if (argc > 1) {
        unsigned sum = 0;
        for (int i = 0; i < argc; i++)
            for (char *c = argv[i]; *c; c++) sum = sum * 31 + (unsigned char)*c;
        say("argc %d, sum %u, variable of %d\n", argc, sum, (int)strlen(getenv("LARGE")));
        return 0;
    }
    static char *args[2010], large[100001], variable[120007];
    memset(large, 'x', 100000);
    memset(variable, 'v', 120006);
    memcpy(variable, "LARGE=", 6);
    args[0] = "again", args[1] = large;
    for (int i = 2; i < 2000; i++) must(asprintf(&args[i], "argument %d", i) > 0);
    char *env[] = {variable, NULL};
    execve(SELF, args, env);
    say("execve: %s\n", errname(errno));
    return 1;
}
