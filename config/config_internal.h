/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of config/ share: the entries of a parsed document, the check made before parsing,
 * and the small readers for sizes and suggestions.
 */
#ifndef CMT_CONFIG_INTERNAL_H
#define CMT_CONFIG_INTERNAL_H

#include "cmtstore/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A config.toml is some 20 kB; what is larger than this is not one. */
#define CMT_CONFIG_BYTES_MAX ((size_t)1 << 20)
/* Levels of brackets and of dots in keys: the parser recurses on them. */
#define CMT_CONFIG_DEPTH_MAX 32
/* Elements of arrays in the whole file: the parser's time grows with their square. */
#define CMT_CONFIG_ELEMENTS_MAX 4096
/* Entries of [storage] and below; CometBFT's and ours together are about 25. */
#define CMT_CONFIG_ENTRIES_MAX 256

/* ---- entries of a document (toml.cc) ------------------------------------------------------ */

typedef enum cmt_toml_kind {
    CMT_TOML_TABLE,
    CMT_TOML_BOOL,
    CMT_TOML_INTEGER,
    CMT_TOML_HUGE_INTEGER, /* does not fit int64_t */
    CMT_TOML_FLOAT,
    CMT_TOML_STRING,
    CMT_TOML_OTHER, /* an array or a date: nothing we read */
} cmt_toml_kind;

typedef struct cmt_toml_entry {
    const char *path; /* dotted; a key that is not bare stands in quotes: storage."a b" */
    unsigned line;
    cmt_toml_kind kind;
    bool boolean;
    int64_t integer;
    double real;
    const char *text; /* NUL-terminated; text_size tells whether it holds a NUL itself */
    size_t text_size;
} cmt_toml_entry;

typedef struct cmt_toml cmt_toml;

/**
 * Parse @p text and collect the entries named in @p roots (NULL-terminated, matched without regard
 * to case, as CometBFT does) with everything below them, in the order of their lines.
 *
 * @retval CMT_INVALID  syntax, with the line
 */
CMT_MUST_CHECK cmt_status cmt_toml_parse(const char *name, cmt_slice text, const char *const *roots,
                                         cmt_toml **out, cmt_error *err);
void cmt_toml_free(cmt_toml *toml);
size_t cmt_toml_count(const cmt_toml *toml);
/** Strings are borrowed from @p toml. */
cmt_toml_entry cmt_toml_at(const cmt_toml *toml, size_t index);

/* ---- before parsing (precheck.c) ---------------------------------------------------------- */

/** If not, @p line is the one with the first byte that is none. */
bool cmt_config_is_utf8(cmt_slice text, unsigned *line);

/** Refuse what is not UTF-8, NUL bytes, strings left open and nesting that would exhaust the parser's stack. */
CMT_MUST_CHECK cmt_status cmt_config_precheck(const char *name, cmt_slice text, cmt_error *err);

/* ---- suggestions (nearest.c) -------------------------------------------------------------- */

/** The one of @p candidates (dotted paths) that @p path most likely means.  A key that stands in
 *  another table than it should is found there. */
const char *cmt_config_nearest(const char *path, const char *const *candidates, size_t count);

#ifdef __cplusplus
}
#endif

#endif
