// mkstemp and mkdtemp make new things with private modes each time.
// Spec: mkstemp(3), mkdtemp(3)
#include "../guest.h"

int main(void) {
    struct stat about;
    char one[] = "tmp-XXXXXX", two[] = "tmp-XXXXXX", directory[] = "dir-XXXXXX", bad[] = "noplace";
    umask(0);
    int a = mkstemp(one), b = mkstemp(two);
    must(a >= 0 && b >= 0 && fstat(a, &about) == 0);
    say("different: %d, mode %03o\n", strcmp(one, two) != 0, about.st_mode & 0777);
    must(mkdtemp(directory) != NULL && stat(directory, &about) == 0);
    say("directory %d, mode %03o\n", S_ISDIR(about.st_mode), about.st_mode & 0777);
    say("no place for the letters: %s\n", result(mkstemp(bad)));
    return 0;
}
