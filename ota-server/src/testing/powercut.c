/* What a power cut leaves of a folder: only what was fsynced. Preloaded (LD_PRELOAD) into a server under test.
 *
 * fsync and fdatasync of a file below MOTE_POWERCUT_DIR copy its bytes to MOTE_POWERCUT_SHADOW/f/KEY, those of a folder
 * write its names to MOTE_POWERCUT_SHADOW/d/KEY, one "KEY TAB type TAB name" a line; KEY is the inode's number and time
 * of birth, as numbers are used again. powerCut.ts builds the folder anew from that: a file that was never fsynced is
 * empty, a name whose folder was not fsynced since is gone. Harsher than most disks, and exactly what POSIX promises. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 16 };

/* Several threads sync at once: each writes under a name of its own and renames. */
static void temporary_name(char out[PATH_MAX], const char *shadow) {
    static unsigned counter;
    unsigned number = __atomic_add_fetch(&counter, 1u, __ATOMIC_RELAXED);
    (void)snprintf(out, PATH_MAX, "%s/t.%d.%u", shadow, (int)getpid(), number);
}

static int key_of(int dir, const char *name, char out[64], mode_t *mode) {
    struct statx facts;
    int flags = AT_SYMLINK_NOFOLLOW | (name[0] == '\0' ? AT_EMPTY_PATH : 0);
    if (statx(dir, name, flags, STATX_BASIC_STATS | STATX_BTIME, &facts) != 0) return -1;
    *mode = facts.stx_mode;
    (void)snprintf(out, 64, "%llu-%lld%09u", (unsigned long long)facts.stx_ino, (long long)facts.stx_btime.tv_sec,
                   facts.stx_btime.tv_nsec);
    return 0;
}

static int copy_file(int fd, const char *to) {
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (out < 0) return -1;
    char buffer[COPY_BYTES];
    off_t at = 0;
    ssize_t got;
    /* The descriptor may be for writing only: read by a way of its own. */
    char self[64];
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    int in = open(self, O_RDONLY);
    if (in < 0) {
        (void)close(out);
        return -1;
    }
    while ((got = pread(in, buffer, sizeof buffer, at)) > 0) {
        if (write(out, buffer, (size_t)got) != got) break;
        at += got;
    }
    (void)close(in);
    (void)close(out);
    return got == 0 ? 0 : -1;
}

static int copy_names(int fd, const char *to) {
    FILE *out = fopen(to, "w");
    if (out == NULL) return -1;
    char self[64];
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    DIR *folder = opendir(self);
    if (folder == NULL) {
        (void)fclose(out);
        return -1;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char key[64];
        mode_t mode;
        if (key_of(dirfd(folder), entry->d_name, key, &mode) != 0) continue;
        (void)fprintf(out, "%s\t%s\t%s\n", key, S_ISDIR(mode) ? "d" : "f", entry->d_name);
    }
    (void)closedir(folder);
    return fclose(out);
}

/* Returns 1 where the file is none of ours. */
static int remember(int fd) {
    const char *watched = getenv("MOTE_POWERCUT_DIR");
    const char *shadow = getenv("MOTE_POWERCUT_SHADOW");
    if (watched == NULL || shadow == NULL) return 1;
    char self[64];
    char path[PATH_MAX];
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(self, path, sizeof path - 1);
    if (length < 0) return 1;
    path[length] = '\0';
    size_t prefix = strlen(watched);
    if (strncmp(path, watched, prefix) != 0 || (path[prefix] != '/' && path[prefix] != '\0')) return 1;
    char key[64];
    mode_t mode;
    if (key_of(fd, "", key, &mode) != 0) return -1;
    char part[PATH_MAX];
    char whole[PATH_MAX];
    temporary_name(part, shadow);
    (void)snprintf(whole, sizeof whole, "%s/%s/%s", shadow, S_ISDIR(mode) ? "d" : "f", key);
    if ((S_ISDIR(mode) ? copy_names(fd, part) : copy_file(fd, part)) != 0) return -1;
    return rename(part, whole);
}

static int sync_as(const char *name, int fd) {
    int result = remember(fd);
    if (result <= 0) return result;
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, name);
    return real(fd);
}

int fsync(int fd) { return sync_as("fsync", fd); }

int fdatasync(int fd) { return sync_as("fdatasync", fd); }
