/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures that CometBFT judged (`cmtoracle signatures`), judged by us, one by one and in batches.
 *
 *   judge_signatures FILE
 *
 * Genuine ones wait for a batch, which is tried whenever it is full and, with one that is not genuine among them, at each of those.
 */
#include "ed25519.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 70
#define MESSAGE_MAX 1024

typedef struct line {
    bool genuine;
    uint8_t key[32];
    uint8_t signature[64];
    uint8_t message[MESSAGE_MAX];
    size_t message_size;
} line;

#define PARTS(l)                                                                                   \
    (cmt_slice){(l)->key, sizeof(l)->key}, (cmt_slice){(l)->message, (l)->message_size},           \
        (cmt_slice)                                                                                \
    {                                                                                              \
        (l)->signature, sizeof(l)->signature                                                       \
    }

static size_t number; /* of the line */

static void fail(const char *what)
{
    fprintf(stderr, "judge_signatures: line %zu: %s\n", number, what);
    exit(1);
}

static size_t unhex(const char *hex, uint8_t *out, size_t room)
{
    size_t size = strlen(hex) / 2;
    if (size > room)
        fail("too long");
    for (size_t i = 0; i < size; i++)
        if (sscanf(hex + 2 * i, "%2hhx", &out[i]) != 1)
            fail("no hex");
    return size;
}

static line parse(const char *text)
{
    line l;
    char word[8], key[65], signature[129], message[2 * MESSAGE_MAX + 2];
    if (sscanf(text, "%7s %64s %128s %2049s", word, key, signature, message) != 4 ||
        unhex(key, l.key, 32) != 32 || unhex(signature, l.signature, 64) != 64)
        fail("cannot be read");
    l.genuine = strcmp(word, "genuine") == 0;
    l.message_size = unhex(message + 1, l.message, MESSAGE_MAX);
    return l;
}

/* Whether a batch of these is genuine, with @p odd among them unless it is NULL. */
static bool together(const line *lines, size_t count, const line *odd)
{
    cmt_ed25519_batch *batch = cmt_ed25519_batch_new(BATCH_MAX + 1);
    if (batch == NULL)
        fail("no memory");
    bool good = true;
    for (size_t i = 0; i < count && good; i++)
        good = cmt_ed25519_batch_add(batch, PARTS(&lines[i]));
    if (good && odd != NULL)
        good = cmt_ed25519_batch_add(batch, PARTS(odd));
    good = good && cmt_ed25519_batch_verify(batch);
    cmt_ed25519_batch_free(batch);
    return good;
}

static void judge(const line *l, line *waiting, size_t *count)
{
    if (cmt_ed25519_verify(PARTS(l)) != l->genuine)
        fail(l->genuine ? "refused, but CometBFT takes it" : "taken, but CometBFT refuses it");
    if (!l->genuine) {
        if (together(waiting, *count, l))
            fail("taken in a batch");
        return;
    }
    waiting[(*count)++] = *l;
    if (*count < BATCH_MAX)
        return;
    if (!together(waiting, *count, NULL))
        fail("a batch is refused that ends here");
    *count = 0;
}

int main(int argc, char **argv)
{
    static line waiting[BATCH_MAX];
    size_t count = 0;
    char *text = NULL;
    size_t room = 0;
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: judge_signatures FILE\n");
        return 2;
    }
    while (getline(&text, &room, file) > 0) {
        number++;
        const line l = parse(text);
        judge(&l, waiting, &count);
    }
    if (!together(waiting, count, NULL))
        fail("the last batch is refused");
    free(text);
    fclose(file);
    printf("%zu\n", number);
    return 0;
}
