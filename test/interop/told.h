/* SPDX-License-Identifier: Apache-2.0
 *
 * The application, mempool and evidence pool of a transcript: they check what they are told against what CometBFT
 * told its own, and answer as those did.
 */
#ifndef CMT_TEST_TOLD_H
#define CMT_TEST_TOLD_H

#include "transcript.h"

#include "cmtstore/blockexec.h"

/** What has been answered last; it has to stay until the next question. */
typedef struct told {
    transcript *transcript;
    cmt_buf text;
    cmt_slice *reaped;
    cmt_slice *evidence;
    cmt_slice *chosen; /* transactions, or validators */
    cmt_results results;
} told;

cmt_application told_application(told *t);
cmt_mempool told_mempool(told *t);
cmt_evidence_pool told_evidence(told *t);
void told_free(told *t);

#endif
