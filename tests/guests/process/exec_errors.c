// execve names the reason it failed, and the program goes on.
// Spec: execve(2) ERRORS
#include "../guest.h"

static void attempt(const char *what, const char *path) {
    char *args[] = {"x", NULL};
    execve(path, args, args + 1);
    say("%s: %s\n", what, errname(errno));
}

int main(void) {
    mkdir("directory", 0755);
    put("plain", "some text\n");
    put("text", "some text\n");
    put("empty", "");
    put("nointerpreter", "#!/no/such/interpreter\n");
    put("badinterpreter", "#!./plain\n");
    put("barehash", "#!\n");
    put("binary", "\177ELFgarbage that is no program");
    const char *executable[] = {"text", "empty", "nointerpreter", "badinterpreter", "barehash", "binary"};
    for (unsigned i = 0; i < 6; i++) must(chmod(executable[i], 0755) == 0);
    must(symlink("loop", "loop") == 0);
    attempt("missing", "./missing");
    attempt("empty path", "");
    attempt("below a file", "plain/x");
    attempt("symlink loop", "loop");
    attempt("directory", "directory");
    attempt("no execute bit", "plain");
    attempt("text", "text");
    attempt("empty file", "empty");
    attempt("missing interpreter", "nointerpreter");
    attempt("interpreter without execute bit", "badinterpreter");
    attempt("no interpreter named", "barehash");
    attempt("truncated binary", "binary");
    char name[300];
    memset(name, 'n', sizeof name - 1);
    name[299] = 0;
    attempt("long name", name);
    return 0;
}
