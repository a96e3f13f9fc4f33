/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored values worked out by hand from CometBFT's format, as hex.  A chain of two blocks with one
 * validator, and the small values.
 */
#ifndef CMT_TEST_TYPES_VECTORS_H
#define CMT_TEST_TYPES_VECTORS_H

#define V_ADDRESS "56475aa75463474c0285df5dbf2bcab73da65135"
#define V_KEY "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
#define V_VALIDATORS_HASH "389445b50ab87a9e0c25e09d0a66063fee4adfd062f622d366b16c5a78b4f938"
#define V_CONSENSUS_HASH "048091bc7ddc283f77bfbf91d73c44da58c3df8a9cbc867405d8b7f3daada22f"
#define V_EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define V_DATA_HASH "9330b09d5da86cd598a0cf3e8954a085e494886e110ab912fb41f8dd6d76091e"
#define V_BLOCK_HASH "971614b2158ec91b63f4beecdd6755d4bdb93499974d280bfbd0f35d1d278250"
#define V_PART_HASH "71358124e3a6520d0fab464757866cc9877d974e8a6a524ea7cfd63f34ff408f"

/* The values of block 1. */
#define V_BLOCK_ID "0a20" V_BLOCK_HASH "122408011220" V_PART_HASH
#define V_HEADER                                                                                   \
    "0a02080b 120a746573742d636861696e 1801 22060880e2cfaa06 2a021200"                             \
    "3220" V_EMPTY_HASH "3a20" V_DATA_HASH "4220" V_VALIDATORS_HASH "4a20" V_VALIDATORS_HASH       \
    "5220" V_CONSENSUS_HASH "6220" V_EMPTY_HASH "6a20" V_EMPTY_HASH "7214" V_ADDRESS
#define V_META "0a48" V_BLOCK_ID "10b702 1aa202" V_HEADER "2001"
#define V_BLOCK "0aa202" V_HEADER "12080a0674782d6f6e65 1a00 22041a021200"
#define V_PART "12b702" V_BLOCK "1a2408011a20" V_PART_HASH
#define V_COMMIT                                                                                   \
    "0801 1a48" V_BLOCK_ID "226808021214" V_ADDRESS "1a0c0884e2cfaa061080cab5ee01 2240"            \
    "c2948c0a824bb196ff240c44bc506b92df02b50e5aaadf447846f55e3bdae1ea"                             \
    "a759f093312ac7ceb17b3156820fb605ffcf32a0281892ccc66edfbc6dcb6d07"
#define V_EMPTY_COMMIT "1a021200"
#define V_ABSENT "08011a0b088092b8c398feffffff01"

/* Part 1 of 65537 bytes of AB. */
#define V_LAST_PART                                                                                \
    "08011201ab1a4808021001"                                                                       \
    "1a20d2bdec3101eb836b1a87afbc37e20aafbbd9c77d2e146dda4c732d44c0bf4515"                         \
    "2220eb27b2cf64d8e24e63bf63385396e1ce70e5a816ea92f68f9a2523f4efc862da"

/* The validator of that chain as 0.34 to 0.40 and as 1.0 write it. */
#define V_VALIDATOR_04 "0a14" V_ADDRESS "12220a20" V_KEY "180a"
#define V_VALIDATOR_10 "0a14" V_ADDRESS "180a 2a20" V_KEY "320765643235353139"
#define V_SET_04 "0a3c" V_VALIDATOR_04 "123c" V_VALIDATOR_04
#define V_SET_10 "0a43" V_VALIDATOR_10 "1243" V_VALIDATOR_10
#define V_VALIDATORS_INFO_04 "0a7c" V_SET_04 "1001"
#define V_VALIDATORS_INFO_10 "0a8a01" V_SET_10 "1001"

/* Default consensus params, last changed at 1, by every generation; then their pointers. */
#define V_PARAMS_INFO_034                                                                          \
    "0a320a13088080c00a10ffffffffffffffffff0118e807120e08a08d0612040880c60a18808040"               \
    "1a090a076564323535313922001001"
#define V_PARAMS_INFO_037                                                                          \
    "0a2f0a10088080c00a10ffffffffffffffffff01120e08a08d0612040880c60a188080401a090a07"             \
    "6564323535313922001001"
#define V_PARAMS_INFO_038                                                                          \
    "0a310a10088080c00a10ffffffffffffffffff01120e08a08d0612040880c60a188080401a090a07"             \
    "6564323535313922002a001001"
#define V_PARAMS_INFO_040                                                                          \
    "0a330a10088080c00a10ffffffffffffffffff01120e08a08d0612040880c60a188080401a090a07"             \
    "6564323535313922002a0032001001"
#define V_PARAMS_INFO_10                                                                           \
    "0a430a10088080c00a10ffffffffffffffffff01120e08a08d0612040880c60a188080401a090a07"             \
    "656432353531392200320c0a0610c0e0e6f0011202080f3a040a0012001001"
#define V_PARAMS_POINTER "0a001001"
#define V_PARAMS_POINTER_034 "0a0a0a00120212001a0022001001"

#endif
