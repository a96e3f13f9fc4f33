/* SPDX-License-Identifier: Apache-2.0
 *
 * Precedence: flag, then environment, then config.toml, then default.  A bare data directory has no
 * configuration: for it only flags count, and the engine is what the files say.
 */
#include "home.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* An empty variable counts as unset, as in CometBFT. */
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

cmt_status cmd_join(char out[PATH_MAX], const char *directory, const char *name, cmt_error *err)
{
    int size = snprintf(out, PATH_MAX, "%s/%s", directory, name);
    if (size < 0 || size >= PATH_MAX)
        return cmt_error_set(err, CMT_INVALID, "the path %.100s/%.100s is too long", directory,
                             name);
    return CMT_OK;
}

/* The absolute path of a directory that must exist; @p what names it. */
static cmt_status resolve(const char *what, const char *path, char out[PATH_MAX], cmt_error *err)
{
    if (realpath(path, out) == NULL) {
        int error_number = errno;
        return cmt_error_set(err, error_number == ENOENT ? CMT_NOT_FOUND : CMT_IO,
                             "the %s %.300s %s", what, path,
                             error_number == ENOENT ? "does not exist" : strerror(error_number));
    }
    if (!is_directory(out))
        return cmt_error_set(err, CMT_NOT_FOUND, "the %s %.300s is not a directory", what, path);
    return CMT_OK;
}

static cmt_status find_home(const cmd_options *options, cmd_target *out, cmt_error *err)
{
    const char *given = options->home != NULL ? options->home : environment("CMTHOME");
    if (given != NULL)
        return resolve("home", given, out->home, err);
    const char *user_home = environment("HOME");
    if (user_home == NULL)
        return cmt_error_set(err, CMT_INVALID, "HOME is not set; give the node's home with --home");
    char path[PATH_MAX];
    CMT_TRY(cmd_join(path, user_home, ".cometbft", err));
    return resolve("home", path, out->home, err);
}

static cmt_status read_config(cmd_target *target, cmt_error *err)
{
    char path[PATH_MAX];
    CMT_TRY(cmd_join(path, target->home, "config/config.toml", err));
    cmt_status status = cmt_config_load(path, &target->config, err);
    if (status == CMT_NOT_FOUND)
        return CMT_OK;
    if (status == CMT_OK && target->config.db_backend[0] != '\0')
        target->declared_by = "config.toml";
    return status;
}

static cmt_status copy_text(const char *name, const char *text, char *out, size_t size,
                            cmt_error *err)
{
    if (strlen(text) >= size)
        return cmt_error_set(err, CMT_INVALID, "%s is longer than %zu bytes", name, size - 1);
    memcpy(out, text, strlen(text) + 1);
    return CMT_OK;
}

/* As the Go reader of the environment takes truth. */
static cmt_status read_bool(const char *name, const char *text, bool *out, cmt_error *err)
{
    static const char *const yes[] = {"true", "TRUE", "True", "t", "T", "1"};
    static const char *const no[] = {"false", "FALSE", "False", "f", "F", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *out = strcmp(text, yes[i]) == 0;
            return CMT_OK;
        }
    }
    return cmt_error_set(err, CMT_INVALID, "%s wants true or false, not \"%.64s\"", name, text);
}

static cmt_status fail_value(const char *name, cmt_error *err)
{
    return cmt_error_prefix(err, CMT_INVALID, "%s", name);
}

static cmt_status read_keeping(cmt_config *config, cmt_error *err)
{
    const char *keep_for = environment("CMT_STORAGE_PRUNING_KEEP_FOR");
    const char *keep_bytes = environment("CMT_STORAGE_PRUNING_KEEP_BYTES");
    if (keep_for != NULL &&
        cmt_config_parse_duration(keep_for, &config->keep_for_ns, err) != CMT_OK)
        return fail_value("CMT_STORAGE_PRUNING_KEEP_FOR", err);
    if (config->keep_for_ns < 0)
        return cmt_error_set(err, CMT_INVALID,
                             "CMT_STORAGE_PRUNING_KEEP_FOR wants \"0s\" or longer");
    if (keep_bytes != NULL &&
        cmt_config_parse_bytes(keep_bytes, &config->keep_bytes, err) != CMT_OK)
        return fail_value("CMT_STORAGE_PRUNING_KEEP_BYTES", err);
    return CMT_OK;
}

static cmt_status read_environment(cmd_target *target, cmt_error *err)
{
    cmt_config *config = &target->config;
    const char *backend = environment("CMT_DB_BACKEND");
    const char *db_dir = environment("CMT_DB_DIR");
    const char *keep_blocks = environment("CMT_STORAGE_PRUNING_KEEP_BLOCKS");
    const char *sweep = environment("CMT_STORAGE_PRUNING_SWEEP");
    if (backend != NULL) {
        CMT_TRY(copy_text("CMT_DB_BACKEND", backend, config->db_backend, sizeof config->db_backend,
                          err));
        target->declared_by = "CMT_DB_BACKEND";
    }
    if (db_dir != NULL)
        CMT_TRY(copy_text("CMT_DB_DIR", db_dir, config->db_dir, sizeof config->db_dir, err));
    if (keep_blocks != NULL && strcmp(keep_blocks, "0") == 0)
        config->keep_blocks = 0;
    else if (keep_blocks != NULL)
        CMT_TRY(cmd_parse_count("CMT_STORAGE_PRUNING_KEEP_BLOCKS", keep_blocks,
                                &config->keep_blocks, err));
    CMT_TRY(read_keeping(config, err));
    if (sweep != NULL)
        CMT_TRY(read_bool("CMT_STORAGE_PRUNING_SWEEP", sweep, &config->sweep, err));
    return CMT_OK;
}

static cmt_status find_data_dir(const cmd_options *options, cmd_target *out, cmt_error *err)
{
    if (options->data_dir != NULL)
        return resolve("data directory", options->data_dir, out->data_dir, err);
    CMT_TRY(find_home(options, out, err));
    CMT_TRY(read_config(out, err));
    CMT_TRY(read_environment(out, err));
    if (out->config.db_dir[0] == '/')
        return resolve("data directory", out->config.db_dir, out->data_dir, err);
    char path[PATH_MAX];
    CMT_TRY(cmd_join(path, out->home, out->config.db_dir, err));
    return resolve("data directory", path, out->data_dir, err);
}

static bool same_format(cmt_engine a, cmt_engine b)
{
    bool a_leveldb = a == CMT_ENGINE_GOLEVELDB || a == CMT_ENGINE_CLEVELDB;
    bool b_leveldb = b == CMT_ENGINE_GOLEVELDB || b == CMT_ENGINE_CLEVELDB;
    return a == b || (a_leveldb && b_leveldb);
}

/* For who gave a home where a data directory belongs, or the reverse. */
static const char *missing_hint(const cmd_target *target)
{
    char path[PATH_MAX + sizeof "/data/blockstore.db"];
    snprintf(path, sizeof path, "%s/data/blockstore.db", target->data_dir);
    if (access(path, F_OK) == 0)
        return "; it looks like a home, which is given with --home";
    snprintf(path, sizeof path, "%s/blockstore.db", target->home);
    if (target->home[0] != '\0' && access(path, F_OK) == 0)
        return "; the home looks like a data directory, which is given without --home";
    return "";
}

/* While a node switches to a new MANIFEST a listing may miss the old and the new: look again. */
static cmt_status detect_patiently(const char *data_dir, const char *name, cmt_engine *engine,
                                   cmt_buf *path, cmt_error *err)
{
    for (int attempt = 0;; attempt++) {
        CMT_TRY(cmt_engine_detect(data_dir, name, engine, path, err));
        bool sure = *engine != CMT_ENGINE_NONE && *engine != CMT_ENGINE_UNKNOWN;
        if (sure || attempt == 2)
            return CMT_OK;
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

static cmt_status detect(const cmd_target *target, const char *name, char path[PATH_MAX],
                         cmt_engine *engine, cmt_error *err)
{
    cmt_buf found = CMT_BUF_INIT;
    cmt_status status = detect_patiently(target->data_dir, name, engine, &found, err);
    if (status == CMT_OK && found.size < PATH_MAX)
        snprintf(path, PATH_MAX, "%.*s", (int)found.size, (const char *)found.data);
    else if (status == CMT_OK)
        status = cmt_error_set(err, CMT_INVALID, "the path of %s.db is too long", name);
    cmt_buf_free(&found);
    CMT_TRY(status);
    if (*engine == CMT_ENGINE_NONE)
        return cmt_error_set(err, CMT_NOT_FOUND, "there is no %s.db in %.300s%s", name,
                             target->data_dir, missing_hint(target));
    if (*engine == CMT_ENGINE_UNKNOWN)
        return cmt_error_prefix(err, CMT_UNSUPPORTED, "cannot tell the engine");
    return CMT_OK;
}

static cmt_status check_declared(const cmd_target *target, cmt_error *err)
{
    if (target->declared_by == NULL)
        return CMT_OK;
    const char *name = target->config.db_backend;
    cmt_engine declared = cmt_engine_from_name(name);
    if (declared == CMT_ENGINE_UNKNOWN || declared == CMT_ENGINE_NONE)
        return cmt_error_set(
            err, CMT_UNSUPPORTED,
            "unknown db_backend \"%s\" from %s; expected one of goleveldb, cleveldb, "
            "rocksdb, pebbledb, badgerdb, boltdb",
            name, target->declared_by);
    if (!same_format(declared, target->engine))
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s says db_backend %s, but the files in %.200s were written by %s; "
                             "correct db_backend or the directory",
                             target->declared_by, name, target->data_dir,
                             cmt_engine_name(target->engine));
    return CMT_OK;
}

cmt_status cmd_target_resolve(const cmd_options *options, cmd_target *out, cmt_error *err)
{
    *out = (cmd_target){.engine = CMT_ENGINE_NONE};
    cmt_config_defaults(&out->config);
    CMT_TRY(find_data_dir(options, out, err));
    /* Of replay it is the other home's. */
    if (options->db_backend != NULL && options->command != CMD_REPLAY) {
        CMT_TRY(copy_text("--db-backend", options->db_backend, out->config.db_backend,
                          sizeof out->config.db_backend, err));
        out->declared_by = "--db-backend";
    }
    cmt_engine state_engine;
    CMT_TRY(detect(out, "blockstore", out->blockstore, &out->engine, err));
    CMT_TRY(detect(out, "state", out->state, &state_engine, err));
    if (!same_format(out->engine, state_engine))
        return cmt_error_set(
            err, CMT_UNSUPPORTED,
            "blockstore.db in %.200s was written by %s, but state.db by %s; they do "
            "not belong together",
            out->data_dir, cmt_engine_name(out->engine), cmt_engine_name(state_engine));
    return check_declared(out, err);
}

bool cmd_target_is_readable(const cmd_target *target)
{
    return same_format(target->engine, CMT_ENGINE_GOLEVELDB) ||
           target->engine == CMT_ENGINE_PEBBLEDB || target->engine == CMT_ENGINE_ROCKSDB;
}

cmt_status cmd_target_require_readable(const cmd_target *target, cmt_error *err)
{
    if (cmd_target_is_readable(target))
        return CMT_OK;
    return cmt_error_set(
        err, CMT_UNSUPPORTED,
        "%.300s holds %s databases, and this version works on goleveldb, cleveldb and "
        "rocksdb and pebbledb only (info works on all)",
        target->data_dir, cmt_engine_name(target->engine));
}

cmt_status cmd_target_open(const cmd_target *target, const char *path, cmt_db **out, cmt_error *err)
{
    const cmt_db_view_options view = {.pin = true};
    const cmt_db_open_options engine = {.engine = target->engine, .read_only = true};
    if (target->engine != CMT_ENGINE_ROCKSDB)
        return cmt_db_open_view(path, &view, out, err);
    cmt_error why = CMT_ERROR_INIT;
    cmt_status status = cmt_db_open(path, &engine, out, &why);
    /* A newer RocksDB's files may be known although this one does not open them. */
    if (status == CMT_UNSUPPORTED && cmt_db_open_view(path, &view, out, NULL) == CMT_OK)
        return CMT_OK;
    return status == CMT_OK ? CMT_OK : cmt_error_set(err, status, "%s", why.message);
}
