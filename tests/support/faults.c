/* Preloaded into a command: the n-th call that changes anything below a directory fails.

   The order is in a file that all processes of the command share (FAULTS_ORDER); they count together. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

struct order {
    _Atomic long armed;  /* 0: nothing is counted */
    long at;             /* which call fails, 0: none */
    long error;          /* with which errno */
    long forever;        /* whether all that come after it fail as well */
    _Atomic long count;  /* the calls so far */
    char prefix[4096];   /* the directory, without an end slash */
};

static struct order *order;

__attribute__((constructor)) static void read_order(void) {
    const char *path = getenv("FAULTS_ORDER");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *map = mmap(NULL, sizeof *order, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED) order = map;
}

static int is_below(const char *path) {
    size_t length = strlen(order->prefix);
    return !strncmp(path, order->prefix, length) && (path[length] == '/' || !path[length]);
}

static int fd_is_below(int fd) {
    char link[64], path[PATH_MAX];
    if (fd == AT_FDCWD) return getcwd(path, sizeof path) && is_below(path);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return is_below(path);
}

static int path_is_below(int fd, const char *path) {
    return path && (path[0] == '/' ? is_below(path) : fd_is_below(fd));
}

/* Whether this call is to fail; errno is set then. */
static int strikes(int below) {
    if (!below) return 0;
    long number = ++order->count;
    if (!order->at || number < order->at || (number > order->at && !order->forever)) return 0;
    errno = (int)order->error;
    return 1;
}

#define ARMED (order && order->armed)
#define AT_PATH(fd, path) (ARMED && strikes(path_is_below(fd, path)))
#define AT_FD(fd) (ARMED && strikes(fd_is_below(fd)))
#define NEXT(type, name, ...) \
    static type (*next)(__VA_ARGS__); \
    if (!next) next = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define BY_FD(type, name, parameters, arguments, fd) \
    type name parameters { \
        static type(*next) parameters; \
        if (!next) next = (type(*) parameters)dlsym(RTLD_NEXT, #name); \
        return AT_FD(fd) ? -1 : next arguments; \
    }

#define BY_PATH(name, parameters, arguments, fd, path) \
    int name parameters { \
        static int(*next) parameters; \
        if (!next) next = (int(*) parameters)dlsym(RTLD_NEXT, #name); \
        return AT_PATH(fd, path) ? -1 : next arguments; \
    }

BY_FD(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), fd)
BY_FD(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at), fd)
BY_FD(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at), fd)
BY_FD(ssize_t, copy_file_range, (int in, off64_t *from, int fd, off64_t *to, size_t size, unsigned flags),
      (in, from, fd, to, size, flags), fd)
BY_FD(int, fsync, (int fd), (fd), fd)
BY_FD(int, fdatasync, (int fd), (fd), fd)
BY_FD(int, syncfs, (int fd), (fd), fd)
BY_FD(int, ftruncate, (int fd, off_t size), (fd, size), fd)
BY_FD(int, ftruncate64, (int fd, off64_t size), (fd, size), fd)
BY_FD(int, fchown, (int fd, uid_t user, gid_t group), (fd, user, group), fd)
BY_FD(int, fchmod, (int fd, mode_t mode), (fd, mode), fd)
BY_FD(int, futimens, (int fd, const struct timespec times[2]), (fd, times), fd)

BY_PATH(rename, (const char *path, const char *target), (path, target), AT_FDCWD, target)
BY_PATH(renameat, (int from, const char *path, int fd, const char *target), (from, path, fd, target), fd, target)
BY_PATH(renameat2, (int from, const char *path, int fd, const char *target, unsigned flags),
        (from, path, fd, target, flags), fd, target)
BY_PATH(mkdir, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path)
BY_PATH(mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode), fd, path)
BY_PATH(rmdir, (const char *path), (path), AT_FDCWD, path)
BY_PATH(unlink, (const char *path), (path), AT_FDCWD, path)
BY_PATH(unlinkat, (int fd, const char *path, int flags), (fd, path, flags), fd, path)
BY_PATH(link, (const char *path, const char *target), (path, target), AT_FDCWD, target)
BY_PATH(linkat, (int from, const char *path, int fd, const char *target, int flags),
        (from, path, fd, target, flags), fd, target)
BY_PATH(symlink, (const char *text, const char *path), (text, path), AT_FDCWD, path)
BY_PATH(symlinkat, (const char *text, int fd, const char *path), (text, fd, path), fd, path)
BY_PATH(chmod, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path)
BY_PATH(fchmodat, (int fd, const char *path, mode_t mode, int flags), (fd, path, mode, flags), fd, path)
BY_PATH(chown, (const char *path, uid_t user, gid_t group), (path, user, group), AT_FDCWD, path)
BY_PATH(lchown, (const char *path, uid_t user, gid_t group), (path, user, group), AT_FDCWD, path)
BY_PATH(fchownat, (int fd, const char *path, uid_t user, gid_t group, int flags),
        (fd, path, user, group, flags), fd, path)
BY_PATH(utimensat, (int fd, const char *path, const struct timespec times[2], int flags),
        (fd, path, times, flags), fd, path)

#define OPENING(name, parameters, last, fd, path, ...) \
    int name parameters { \
        static int (*next)(__VA_ARGS__, ...); \
        if (!next) next = (int (*)(__VA_ARGS__, ...))dlsym(RTLD_NEXT, #name); \
        va_list rest; \
        va_start(rest, last); \
        mode_t mode = last & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        if (last & O_CREAT && AT_PATH(fd, path)) return -1;

OPENING(open, (const char *path, int flags, ...), flags, AT_FDCWD, path, const char *, int)
        return next(path, flags, mode);
}
OPENING(open64, (const char *path, int flags, ...), flags, AT_FDCWD, path, const char *, int)
        return next(path, flags, mode);
}
OPENING(openat, (int fd, const char *path, int flags, ...), flags, fd, path, int, const char *, int)
        return next(fd, path, flags, mode);
}
OPENING(openat64, (int fd, const char *path, int flags, ...), flags, fd, path, int, const char *, int)
        return next(fd, path, flags, mode);
}

/* These two tell the error by what they return. */
int posix_fallocate(int fd, off_t at, off_t size) {
    NEXT(int, "posix_fallocate", int, off_t, off_t);
    return AT_FD(fd) ? errno : next(fd, at, size);
}
int posix_fallocate64(int fd, off64_t at, off64_t size) {
    NEXT(int, "posix_fallocate64", int, off64_t, off64_t);
    return AT_FD(fd) ? errno : next(fd, at, size);
}
