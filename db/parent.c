/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory around a database's directory.
 */
#include "parent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

cmt_status cmt_db__parent_find(const char *dir, char **path, const char **name,
                               cmt_file_owner *owner, int *fd, cmt_error *err)
{
    struct stat st;
    *fd = -1;
    *path = realpath(dir, NULL);
    if (*path == NULL || stat(*path, &st) != 0)
        return cmt_error_set(err, CMT_IO, "resolve %s: %s", dir, strerror(errno));
    char *slash = strrchr(*path, '/');
    *slash = '\0';
    *name = slash + 1;
    *owner = (cmt_file_owner){st.st_uid, st.st_gid, st.st_mode & 0777};
    return cmt_dir_open(**path != '\0' ? *path : "/", fd, err);
}
