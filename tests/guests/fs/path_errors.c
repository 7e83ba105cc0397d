// Paths: empty, too long, through files, and odd but right ones.
// Spec: path_resolution(7), errno(3)
#include "../guest.h"

int main(void) {
    static char name[300], path[5000];
    struct stat about;
    mkdir("d", 0755);
    put("d/f", "x");
    memset(name, 'n', 256);
    say("empty: %s\n", result(stat("", &about)));
    say("name of 256: %s\n", result(open(name, O_WRONLY | O_CREAT, 0644)));
    name[255] = 0;
    say("name of 255: %s\n", result(open(name, O_WRONLY | O_CREAT, 0644)));
    for (int i = 0; i < 4096; i += 2) path[i] = '.', path[i + 1] = '/';
    strcpy(path + 4096, "d");
    say("path of 4097: %s\n", result(stat(path, &about)));
    strcpy(path + 4094, "d");
    say("path of 4095: %s\n", result(stat(path, &about)));
    say("through a file: %s\n", result(stat("d/f/x", &about)));
    say("dot of a file: %s\n", result(stat("d/f/.", &about)));
    say("dot dot of a file: %s\n", result(stat("d/f/..", &about)));
    say("slash behind a file: %s\n", result(open("d/f/", O_RDONLY)));
    say("many slashes: %s\n", result(stat("d//.///..//d////f", &about)));
    say("above the root: %s\n", result(stat("/../../..", &about)));
    say("missing, then dot dot: %s\n", result(stat("none/..", &about)));
    say("null: %s\n", result(open((char *)-1, O_RDONLY)));
    return 0;
}
