/* SPDX-License-Identifier: Apache-2.0
 *
 * Results on standard output.
 */
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

cmt_status cmd_report_json(json_t *object, cmt_error *err)
{
    errno = 0;
    int failed = json_dumpf(object, stdout, JSON_COMPACT);
    json_decref(object);
    if (failed != 0)
        return cmd_report_fail(errno, err);
    fputc('\n', stdout);
    return cmd_report_flush(err);
}

cmt_status cmd_report_fail(int error_number, cmt_error *err)
{
    return cmt_error_set(err, CMT_IO, "cannot write to standard output: %s",
                         strerror(error_number != 0 ? error_number : EIO));
}

cmt_status cmd_report_flush(cmt_error *err)
{
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout))
        return cmd_report_fail(errno, err);
    return CMT_OK;
}

cmd_hash_text cmd_hash_hex(const cmt_hash *hash)
{
    cmd_hash_text hex = {""};
    for (size_t i = 0; i < hash->size; i++)
        snprintf(hex.text + 2 * i, 3, "%02X", hash->bytes[i]);
    return hex;
}

void cmd_make_printable(char *text)
{
    for (char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
            *p = '?';
}
