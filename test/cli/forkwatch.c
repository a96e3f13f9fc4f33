/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded: writes to $CMT_FORK_LOG who forks, with how many threads and with how many files of $CMT_FORK_ROOT open,
 * and who takes a lock.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int entries(const char *directory, const char *linked_below)
{
    DIR *dir = opendir(directory);
    int count = 0;
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char path[512];
        char target[4096] = "";
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (linked_below != NULL && readlink(path, target, sizeof target - 1) < 0)
            continue;
        count += linked_below == NULL || strncmp(target, linked_below, strlen(linked_below)) == 0;
    }
    if (dir != NULL)
        closedir(dir);
    return count;
}

static void note(const char *line)
{
    int fd = open(getenv("CMT_FORK_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd < 0 || write(fd, line, strlen(line)) < 0)
        abort();
    close(fd);
}

pid_t fork(void)
{
    char line[128];
    pid_t (*next)(void) = (pid_t(*)(void))dlsym(RTLD_NEXT, "fork");
    snprintf(line, sizeof line, "fork %d %d %d\n", (int)getpid(), entries("/proc/self/task", NULL),
             entries("/proc/self/fd", getenv("CMT_FORK_ROOT")));
    note(line);
    return next();
}

int flock(int fd, int operation)
{
    char line[64];
    int (*next)(int, int) = (int (*)(int, int))dlsym(RTLD_NEXT, "flock");
    snprintf(line, sizeof line, "lock %d\n", (int)getpid());
    note(line);
    return next(fd, operation);
}
