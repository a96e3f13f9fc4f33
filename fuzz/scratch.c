/* SPDX-License-Identifier: Apache-2.0
 *
 * Files for fuzz targets.
 */
#include "scratch.h"

#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char path[256];
static int dir_fd = -1;

static void remove_directory(void)
{
    scratch_clear();
    rmdir(path);
}

static void make_directory(void)
{
    const char *tmp = getenv("TMPDIR");
    const char *const places[] = {"/dev/shm", tmp != NULL ? tmp : "/tmp"};
    for (size_t i = 0; i < sizeof places / sizeof places[0] && dir_fd < 0; i++) {
        snprintf(path, sizeof path, "%s/cmt-fuzz-XXXXXX", places[i]);
        if (mkdtemp(path) != NULL)
            dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    FUZZ_CHECK(dir_fd >= 0);
    atexit(remove_directory);
}

int scratch_fd(void)
{
    if (dir_fd < 0)
        make_directory();
    return dir_fd;
}

const char *scratch_path(void)
{
    scratch_fd();
    return path;
}

static void overwrite(int fd, cmt_slice bytes)
{
    FUZZ_CHECK(ftruncate(fd, (off_t)bytes.size) == 0);
    FUZZ_CHECK(bytes.size == 0 || pwrite(fd, bytes.data, bytes.size, 0) == (ssize_t)bytes.size);
}

void scratch_write(const char *name, cmt_slice bytes)
{
    int fd = openat(scratch_fd(), name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    FUZZ_CHECK(fd >= 0);
    overwrite(fd, bytes);
    close(fd);
}

void scratch_clear(void)
{
    int fd = openat(scratch_fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fdopendir(fd);
    FUZZ_CHECK(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dir_fd, entry->d_name, 0);
    closedir(dir);
}

int scratch_memory(cmt_slice bytes)
{
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("fuzz", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0);
    overwrite(fd, bytes);
    return fd;
}
