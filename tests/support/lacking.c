/* Preloaded into a command: its disk lacks what LACKING names (a list of flock, dirsync, filesync, chown). */
#define _GNU_SOURCE
#include <errno.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

static int lacks(const char *what) {
    const char *names = getenv("LACKING");
    return names && strstr(names, what);
}

static int refuse(int number) {
    errno = number;
    return -1;
}

int flock(int fd, int how) {
    static int (*next)(int, int);
    if (lacks("flock")) return refuse(ENOLCK);
    if (!next) next = (int (*)(int, int))dlsym(RTLD_NEXT, "flock");
    return next(fd, how);
}

int fsync(int fd) {
    static int (*next)(int);
    struct stat facts;
    int is_directory = !fstat(fd, &facts) && S_ISDIR(facts.st_mode);
    if (is_directory ? lacks("dirsync") : lacks("filesync")) return refuse(EINVAL);
    if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return next(fd);
}

int syncfs(int fd) {
    static int (*next)(int);
    if (lacks("dirsync")) return refuse(EINVAL);
    if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "syncfs");
    return next(fd);
}

int chown(const char *path, uid_t user, gid_t group) {
    static int (*next)(const char *, uid_t, gid_t);
    if (lacks("chown")) return refuse(EPERM);
    if (!next) next = (int (*)(const char *, uid_t, gid_t))dlsym(RTLD_NEXT, "chown");
    return next(path, user, group);
}

int lchown(const char *path, uid_t user, gid_t group) {
    static int (*next)(const char *, uid_t, gid_t);
    if (lacks("chown")) return refuse(EPERM);
    if (!next) next = (int (*)(const char *, uid_t, gid_t))dlsym(RTLD_NEXT, "lchown");
    return next(path, user, group);
}

int fchown(int fd, uid_t user, gid_t group) {
    static int (*next)(int, uid_t, gid_t);
    if (lacks("chown")) return refuse(EPERM);
    if (!next) next = (int (*)(int, uid_t, gid_t))dlsym(RTLD_NEXT, "fchown");
    return next(fd, user, group);
}

int fchownat(int fd, const char *path, uid_t user, gid_t group, int flags) {
    static int (*next)(int, const char *, uid_t, gid_t, int);
    if (lacks("chown")) return refuse(EPERM);
    if (!next) next = (int (*)(int, const char *, uid_t, gid_t, int))dlsym(RTLD_NEXT, "fchownat");
    return next(fd, path, user, group, flags);
}
