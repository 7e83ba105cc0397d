// SCM_RIGHTS hands an open file to another process, with its position.
// Spec: unix(7), SCM_RIGHTS; cmsg(3)
#include "../guest.h"
#include <sys/socket.h>

int main(void) {
    int s[2];
    char byte = '!', text[32];
    union { char room[CMSG_SPACE(2 * sizeof(int))]; struct cmsghdr align; } control;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        put("f", "0123456789");
        int fds[2] = {open("f", O_RDWR), dup(s[0])};
        must(lseek(fds[0], 4, SEEK_SET) == 4);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof fds);
        memcpy(CMSG_DATA(header), fds, sizeof fds);
        must(sendmsg(s[1], &message, 0) == 1);
        _exit(0);
    }
    must(waitpid(pid, NULL, 0) == pid);
    must(recvmsg(s[0], &message, MSG_CMSG_CLOEXEC) == 1);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    must(header != NULL);
    say("byte %c, level %d, type %d, two descriptors %d\n", byte, header->cmsg_level == SOL_SOCKET, header->cmsg_type == SCM_RIGHTS,
        header->cmsg_len == CMSG_LEN(2 * sizeof(int)));
    int fds[2];
    memcpy(fds, CMSG_DATA(header), sizeof fds);
    ssize_t n = read(fds[0], text, sizeof text);
    say("read on: %.*s\n", (int)n, text);
    say("close-on-exec: %d\n", fcntl(fds[0], F_GETFD));
    must(write(s[1], "via", 3) == 3);
    say("the socket itself: %d\n", (int)read(fds[1], text, 3));
    say("one more message: %s\n", CMSG_NXTHDR(&message, header) ? "yes" : "no");
    return 0;
}
