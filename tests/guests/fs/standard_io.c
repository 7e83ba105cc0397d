// The C library's streams: modes, seeking, pushback, lines, temporary files.
// Spec: fopen(3), fseek(3), getline(3)
#include "../guest.h"

int main(void) {
    FILE *file = fopen("f", "wx+");
    must(file != NULL);
    say("exclusive again: %s\n", result(fopen("f", "wx") ? 0 : -1));
    for (int i = 0; i < 1000; i++) fprintf(file, "line %d\n", i);
    rewind(file);
    char *line = NULL;
    size_t room = 0;
    int count = 0;
    while (getline(&line, &room, file) >= 0) count++;
    say("lines %d, last %s", count, line);
    fseek(file, -9, SEEK_END);
    say("%d ", fgetc(file));
    ungetc('!', file);
    say("%c, ", fgetc(file));
    say("at the end %d\n", feof(file));
    fclose(file);
    file = fopen("f", "a+");
    fputs("appended\n", file);
    fseek(file, -9, SEEK_CUR);
    must(fgets(line, room, file) != NULL);
    say("%s", line);
    fclose(file);
    FILE *temporary = tmpfile();
    must(temporary != NULL && fputs("x", temporary) >= 0);
    say("tmpfile: %d\n", (int)ftell(temporary));
    say("remove: %s, ", result(remove("f")));
    say("missing: %s\n", result(remove("f")));
    return 0;
}
