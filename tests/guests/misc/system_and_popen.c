// system and popen run the shell; their statuses are those of wait.
// Spec: system(3), popen(3)
#include "../guest.h"

int main(void) {
    char text[64] = {0};
    say("a shell: %d\n", system(NULL) != 0);
    say_status("exit 3", system("exit 3"));
    say_status("true", system("true"));
    say_status("not found", system("no-such-command 2>/dev/null"));
    say_status("killed", system("kill -TERM $$"));
    FILE *in = popen("echo from the shell; exit 5", "r");
    must(in && fgets(text, sizeof text, in));
    say("read: %s", text);
    say_status("pclose", pclose(in));
    FILE *out = popen("read line; echo \"got $line\"", "w");
    must(out && fputs("a line\n", out) >= 0);
    say_status("pclose", pclose(out));
    must(setenv("SEEN", "yes", 1) == 0);
    say_status("environment", system("test \"$SEEN\" = yes"));
    return 0;
}
