/* SPDX-License-Identifier: Apache-2.0
 *
 * Extended commits: whether extensions are where they have to be, and the commit without them.
 */
#include "types_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- extensions where they have to be ------------------------------------------------------ */

/* "; validator addr <hex>, timestamp <time>" as Go prints them. */
typedef struct who {
    char text[160];
} who;

static void append_time(cmt_time time, who *out)
{
    struct tm utc = {0};
    time_t seconds = (time_t)time.seconds;
    gmtime_r(&seconds, &utc);
    size_t used = strlen(out->text);
    snprintf(out->text + used, sizeof out->text - used, "%04d-%02d-%02d %02d:%02d:%02d.%09" PRId32,
             utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
             time.nanos);
    size_t size = strlen(out->text);
    while (out->text[size - 1] == '0')
        size--;
    if (out->text[size - 1] == '.')
        size--;
    snprintf(out->text + size, sizeof out->text - size, " +0000 UTC");
}

static who describe(const cmt_commit_sig *sig)
{
    who out = {"; validator addr "};
    size_t used = strlen(out.text);
    for (size_t i = 0; i < sig->address.size && i < CMT_ADDRESS_SIZE; i++, used += 2)
        snprintf(out.text + used, sizeof out.text - used, "%02X", sig->address.data[i]);
    snprintf(out.text + used, sizeof out.text - used, ", timestamp ");
    append_time(sig->timestamp, &out);
    return out;
}

/* What is wrong with a signature; NULL: nothing. */
static const char *fault(const cmt_ext_commit_sig *s, bool extensions)
{
    bool has_extension = s->extension.size > 0;
    bool has_signature = s->extension_signature.size > 0;
    if (!extensions) {
        if (has_extension)
            return "vote extension present but extensions disabled";
        return has_signature ? "vote extension signature present but extensions disabled" : NULL;
    }
    if (s->sig.flag == CMT_BLOCK_ID_COMMIT)
        return has_signature ? NULL : "vote extension signature is missing";
    if (has_extension)
        return "non-commit vote extension present";
    return has_signature ? "non-commit vote extension signature present" : NULL;
}

cmt_status cmt_ext_commit_check(const cmt_ext_commit *commit, bool extensions, cmt_error *err)
{
    for (size_t i = 0; i < commit->count; i++) {
        const char *wrong = fault(&commit->signatures[i], extensions);
        if (wrong == NULL)
            continue;
        who validator = describe(&commit->signatures[i].sig);
        return cmt_error_set(err, CMT_INVALID, "%s%s", wrong, validator.text);
    }
    return CMT_OK;
}

/* ---- without extensions ------------------------------------------------------------------ */

cmt_status cmt_ext_commit_to_commit(const cmt_ext_commit *commit, cmt_commit *out, cmt_error *err)
{
    *out = (cmt_commit){0};
    cmt_commit_sig *signatures = NULL;
    if (commit->count > 0) {
        signatures = calloc(commit->count, sizeof *signatures);
        if (signatures == NULL)
            return cmt_error_set(err, CMT_NO_MEMORY, "Commit: no memory for %zu signatures",
                                 commit->count);
    }
    for (size_t i = 0; i < commit->count; i++)
        signatures[i] = commit->signatures[i].sig;
    out->height = commit->height;
    out->round = commit->round;
    out->block_id = commit->block_id;
    out->signatures = signatures;
    out->count = commit->count;
    return CMT_OK;
}
