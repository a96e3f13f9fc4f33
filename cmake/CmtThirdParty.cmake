# SPDX-License-Identifier: Apache-2.0
#
# Libraries of the system, each as an imported target.  Debian's snappy and leveldb come without .pc files.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
option(CMT_STATIC_ROCKSDB "link RocksDB's archive instead of its shared library" OFF)

# cmt_find_library(<name> HEADER <header> LIBRARY <library>): an imported target cmt::<name>.
function(cmt_find_library name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "HEADER;LIBRARY" "")
    find_path(CMT_${name}_INCLUDE_DIR ${arg_HEADER} REQUIRED)
    find_library(CMT_${name}_LIBRARY ${arg_LIBRARY} REQUIRED)
    mark_as_advanced(CMT_${name}_INCLUDE_DIR CMT_${name}_LIBRARY)
    add_library(cmt::${name} UNKNOWN IMPORTED)
    set_target_properties(cmt::${name} PROPERTIES
        IMPORTED_LOCATION "${CMT_${name}_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${CMT_${name}_INCLUDE_DIR}")
endfunction()

pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(PACKING REQUIRED IMPORTED_TARGET liblz4 libxxhash libzstd)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(SECP256K1 REQUIRED IMPORTED_TARGET libsecp256k1)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
find_program(CMT_PROTOC_C protoc-c REQUIRED)
cmt_find_library(snappy HEADER snappy-c.h LIBRARY snappy)
pkg_check_modules(ROCKSDB REQUIRED rocksdb)
string(REGEX MATCH "^[0-9]+" CMT_ROCKSDB_MAJOR "${ROCKSDB_VERSION}")
# Its thirteen thousand relocations are most of what a program needs to start: linked in, there are none, and
# the program runs where RocksDB is not installed.
find_library(CMT_ROCKSDB_ARCHIVE librocksdb.a)
if(CMT_STATIC_ROCKSDB AND CMT_ROCKSDB_ARCHIVE)
    find_package(ZLIB REQUIRED)
    find_package(BZip2 REQUIRED)
    pkg_check_modules(ROCKSDB_NEEDS REQUIRED IMPORTED_TARGET liblz4 libzstd)
    cmt_find_library(rocksdb HEADER rocksdb/c.h LIBRARY librocksdb.a)
    target_link_libraries(cmt::rocksdb INTERFACE
        cmt::snappy PkgConfig::ROCKSDB_NEEDS BZip2::BZip2 ZLIB::ZLIB gflags stdc++ m ${CMAKE_DL_LIBS})
else()
    cmt_find_library(rocksdb HEADER rocksdb/c.h LIBRARY rocksdb)
endif()
cmt_find_library(leveldb HEADER leveldb/c.h LIBRARY leveldb)
find_path(CMT_TOML11_INCLUDE_DIR toml.hpp REQUIRED)
mark_as_advanced(CMT_PROTOC_C CMT_TOML11_INCLUDE_DIR)

if(CMT_TESTS)
    pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET check)
endif()
