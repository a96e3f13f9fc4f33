/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target over stored inputs without libFuzzer: each argument is a file or a directory
 * of files.  Fails when it found no input at all, so that a lost corpus is noticed.
 */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX ((size_t)16 << 20)

static size_t replayed;

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    int result = 1;
    uint8_t *data = malloc(INPUT_MAX);
    if (data != NULL) {
        size_t size = fread(data, 1, INPUT_MAX, file);
        /* An exact copy: reading one byte too far is then seen by the address sanitizer. */
        uint8_t *input = realloc(data, size > 0 ? size : 1);
        data = input != NULL ? input : data;
        result = LLVMFuzzerTestOneInput(data, size);
        replayed++;
    }
    free(data);
    fclose(file);
    return result;
}

static int replay_directory(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL) {
        perror(path);
        return 1;
    }
    int result = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        result |= replay_file(name);
    }
    closedir(dir);
    return result;
}

int main(int argc, char **argv)
{
    int result = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
            result |= replay_directory(argv[i]);
        else
            result |= replay_file(argv[i]);
    }
    printf("%zu inputs replayed\n", replayed);
    return result != 0 || replayed == 0;
}
