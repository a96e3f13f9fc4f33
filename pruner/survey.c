/* SPDX-License-Identifier: Apache-2.0
 *
 * The size of the two database directories.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "pruner_internal.h"

static cmt_status directory_bytes(const char *path, uint64_t *bytes, cmt_error *err)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return cmt_error_set(err, CMT_IO, "list %s: %s", path, strerror(errno));
    struct dirent *entry;
    struct stat st;
    while ((entry = readdir(dir)) != NULL)
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode))
            *bytes += (uint64_t)st.st_size;
    closedir(dir);
    return CMT_OK;
}

cmt_status cmt_pruner__bytes_on_disk(const cmt_pruner *p, uint64_t *bytes, cmt_error *err)
{
    *bytes = 0;
    CMT_TRY(directory_bytes(cmt_pruner__path(&p->blocks), bytes, err));
    return directory_bytes(cmt_pruner__path(&p->states), bytes, err);
}

static void *survey(void *argument)
{
    cmt_pruner *p = argument;
    p->survey.status = cmt_pruner__bytes_on_disk(p, &p->survey.bytes, &p->survey.error);
    return NULL;
}

void cmt_pruner__survey_begin(cmt_pruner *p)
{
    p->survey.running = pthread_create(&p->survey.thread, NULL, survey, p) == 0;
    if (!p->survey.running)
        survey(p);
}

cmt_status cmt_pruner__survey_end(cmt_pruner *p, cmt_error *err)
{
    if (p->survey.running)
        pthread_join(p->survey.thread, NULL);
    p->survey.running = false;
    if (p->survey.status == CMT_OK)
        return CMT_OK;
    return cmt_error_set(err, p->survey.status, "%s", p->survey.error.message);
}
