/* SPDX-License-Identifier: Apache-2.0
 *
 * Verification of ed25519 signatures.
 *
 * Of a batch one sum is looked at: z (R + k A - S B) over all signatures, with a random z of 128 bits for each, that whoever made the
 * signatures could not know.  libsodium hashes and computes modulo L.
 */
#include "ed25519.h"

#include "ed25519_sum.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SCALAR_SIZE 32
#define SCALAR_BITS 253
#define RANDOM_SIZE 16
/* The system gives 256 bytes whole or not at all. */
#define RANDOM_AT_ONCE 16

/* The wider the digits, the fewer terms, and the more multiples: R has a short factor, the multiples of B are there. */
#define WIDTH_A 5
#define WIDTH_R 4
#define WIDTH_B 8

/* A signature taken apart. */
typedef struct signature {
    cmt_point a;
    cmt_point r;
    uint8_t s[SCALAR_SIZE];
    uint8_t k[SCALAR_SIZE];
} signature;

/* What the terms of a sum need, for a key and for an R. */
typedef struct key_terms {
    cmt_point_addend multiples[CMT_ODD_MULTIPLES(WIDTH_A)];
    cmt_term terms[CMT_TERMS_MAX(SCALAR_BITS, WIDTH_A)];
} key_terms;

typedef struct r_terms {
    cmt_point_addend multiples[CMT_ODD_MULTIPLES(WIDTH_R)];
    cmt_term terms[CMT_TERMS_MAX(RANDOM_SIZE * 8, WIDTH_R)];
} r_terms;

typedef struct member {
    uint8_t s[SCALAR_SIZE];
    uint8_t k[SCALAR_SIZE];
    key_terms key;
    r_terms r;
} member;

struct cmt_ed25519_batch {
    size_t capacity;
    size_t count;
    cmt_term base_terms[CMT_TERMS_MAX(SCALAR_BITS, WIDTH_B)];
    member members[];
};

/* ---- the base point ---------------------------------------------------------------------- */

static cmt_point_addend base_multiples[CMT_ODD_MULTIPLES(WIDTH_B)];
static pthread_once_t base_once = PTHREAD_ONCE_INIT;

/* B is the point with y = 4/5 and an even x. */
static void make_base(void)
{
    uint8_t encoding[32];
    cmt_point base;
    memset(encoding, 0x66, sizeof encoding);
    encoding[0] = 0x58;
    (void)cmt_point_decode(&base, encoding);
    cmt_point_odd_multiples(base_multiples, CMT_ODD_MULTIPLES(WIDTH_B), &base);
}

static void put_base(cmt_sum *sum, const uint8_t number[SCALAR_SIZE], bool minus,
                     cmt_term room[CMT_TERMS_MAX(SCALAR_BITS, WIDTH_B)])
{
    (void)pthread_once(&base_once, make_base);
    cmt_sum_put(sum, number, minus, base_multiples, WIDTH_B, room);
}

/* ---- one signature ----------------------------------------------------------------------- */

/* L = 2^252 + 27742317777372353535851937790883648493 */
static bool is_below_order(const uint8_t scalar[SCALAR_SIZE])
{
    static const uint8_t order[SCALAR_SIZE] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
                                               0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
                                               0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    for (size_t i = SCALAR_SIZE; i > 0; i--)
        if (scalar[i - 1] != order[i - 1])
            return scalar[i - 1] < order[i - 1];
    return false;
}

static void hash_to_scalar(uint8_t out[SCALAR_SIZE], cmt_slice key, cmt_slice message,
                           const uint8_t r[32])
{
    crypto_hash_sha512_state state;
    uint8_t hash[crypto_hash_sha512_BYTES];
    (void)crypto_hash_sha512_init(&state);
    (void)crypto_hash_sha512_update(&state, r, 32);
    (void)crypto_hash_sha512_update(&state, key.data, key.size);
    (void)crypto_hash_sha512_update(&state, message.data, message.size);
    (void)crypto_hash_sha512_final(&state, hash);
    crypto_core_ed25519_scalar_reduce(out, hash);
}

/* False if it cannot be genuine. */
static bool take_apart(signature *out, cmt_slice key, cmt_slice message, cmt_slice bytes)
{
    if (key.size != CMT_ED25519_KEY_SIZE || bytes.size != CMT_ED25519_SIGNATURE_SIZE ||
        !is_below_order(bytes.data + 32) || !cmt_point_decode(&out->a, key.data) ||
        !cmt_point_decode(&out->r, bytes.data))
        return false;
    memcpy(out->s, bytes.data + 32, SCALAR_SIZE);
    hash_to_scalar(out->k, key, message, bytes.data);
    return true;
}

bool cmt_ed25519_verify(cmt_slice key, cmt_slice message, cmt_slice bytes)
{
    signature sig;
    key_terms a;
    cmt_term base_terms[CMT_TERMS_MAX(SCALAR_BITS, WIDTH_B)];
    cmt_sum sum = {{NULL}};
    cmt_point point;
    if (!take_apart(&sig, key, message, bytes))
        return false;
    cmt_point_odd_multiples(a.multiples, CMT_ODD_MULTIPLES(WIDTH_A), &sig.a);
    cmt_sum_put(&sum, sig.k, true, a.multiples, WIDTH_A, a.terms);
    put_base(&sum, sig.s, false, base_terms);
    cmt_sum_compute(&sum, &point);
    const cmt_point_addend r = cmt_point_as_addend(&sig.r);
    cmt_point_add(&point, &point, &r, true);
    return cmt_point_has_small_order(&point);
}

/* ---- batches ----------------------------------------------------------------------------- */

cmt_ed25519_batch *cmt_ed25519_batch_new(size_t capacity)
{
    cmt_ed25519_batch *batch = NULL;
    if (capacity <= (SIZE_MAX - sizeof *batch) / sizeof batch->members[0])
        batch = malloc(sizeof *batch + capacity * sizeof batch->members[0]);
    if (batch != NULL) {
        batch->capacity = capacity;
        batch->count = 0;
    }
    return batch;
}

void cmt_ed25519_batch_free(cmt_ed25519_batch *batch)
{
    free(batch);
}

void cmt_ed25519_batch_clear(cmt_ed25519_batch *batch)
{
    batch->count = 0;
}

bool cmt_ed25519_batch_add(cmt_ed25519_batch *batch, cmt_slice key, cmt_slice message,
                           cmt_slice bytes)
{
    signature sig;
    if (batch->count == batch->capacity || !take_apart(&sig, key, message, bytes))
        return false;
    member *m = &batch->members[batch->count++];
    memcpy(m->s, sig.s, sizeof m->s);
    memcpy(m->k, sig.k, sizeof m->k);
    cmt_point_odd_multiples(m->key.multiples, CMT_ODD_MULTIPLES(WIDTH_A), &sig.a);
    cmt_point_odd_multiples(m->r.multiples, CMT_ODD_MULTIPLES(WIDTH_R), &sig.r);
    return true;
}

/* z R and z k A into the sum, z S to what B is multiplied with. */
static void put_member(cmt_sum *sum, member *m, const uint8_t random[RANDOM_SIZE],
                       uint8_t base_factor[SCALAR_SIZE])
{
    uint8_t z[SCALAR_SIZE] = {0};
    uint8_t product[SCALAR_SIZE];
    memcpy(z, random, RANDOM_SIZE);
    cmt_sum_put(sum, z, false, m->r.multiples, WIDTH_R, m->r.terms);
    crypto_core_ed25519_scalar_mul(product, z, m->k);
    cmt_sum_put(sum, product, false, m->key.multiples, WIDTH_A, m->key.terms);
    crypto_core_ed25519_scalar_mul(product, z, m->s);
    crypto_core_ed25519_scalar_add(base_factor, base_factor, product);
}

bool cmt_ed25519_batch_verify(cmt_ed25519_batch *batch)
{
    cmt_sum sum = {{NULL}};
    cmt_point point;
    uint8_t base_factor[SCALAR_SIZE] = {0};
    uint8_t random[RANDOM_AT_ONCE][RANDOM_SIZE];
    size_t count = batch->count;
    batch->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (i % RANDOM_AT_ONCE == 0 && getrandom(random, sizeof random, 0) != sizeof random)
            return false;
        put_member(&sum, &batch->members[i], random[i % RANDOM_AT_ONCE], base_factor);
    }
    put_base(&sum, base_factor, true, batch->base_terms);
    cmt_sum_compute(&sum, &point);
    return cmt_point_has_small_order(&point);
}
