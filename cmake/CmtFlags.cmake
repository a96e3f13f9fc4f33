# SPDX-License-Identifier: Apache-2.0
#
# How our code is compiled and linked.  Two interface targets, linked privately:
#   cmt_warnings    the warnings that our own files must be free of
#   cmt_instrument  sanitizers, coverage, fuzzing and hardening; generated code gets these too

add_library(cmt_warnings INTERFACE)
set(cmt_common_warnings -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wvla)
set(cmt_c_warnings -Wstrict-prototypes -Wmissing-prototypes)
target_compile_options(cmt_warnings INTERFACE
    ${cmt_common_warnings}
    "$<$<COMPILE_LANGUAGE:C>:${cmt_c_warnings}>"
    $<$<BOOL:${CMT_WERROR}>:-Werror>)

add_library(cmt_instrument INTERFACE)
target_compile_definitions(cmt_instrument INTERFACE $<$<COMPILE_LANGUAGE:C>:_GNU_SOURCE>)

if(CMT_SANITIZE)
    target_compile_options(cmt_instrument INTERFACE
        -fsanitize=${CMT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(cmt_instrument INTERFACE -fsanitize=${CMT_SANITIZE})
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        # Instrumented code hides from gcc what the plain builds let it see.
        target_compile_options(cmt_warnings INTERFACE
            -Wno-format-truncation -Wno-maybe-uninitialized)
    endif()
endif()

if(CMT_COVERAGE)
    # Atomic counters: tests run threads, and a lost update would read as an unreached line.
    target_compile_options(cmt_instrument INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(cmt_instrument INTERFACE --coverage)
endif()

if(CMT_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
        message(FATAL_ERROR "CMT_FUZZ needs clang (libFuzzer); use the preset fuzz")
    endif()
    target_compile_options(cmt_instrument INTERFACE -fsanitize=fuzzer-no-link)
    target_link_options(cmt_instrument INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Position independent everywhere, so that the static libraries fit into any program.
include(CheckPIESupported)
check_pie_supported()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(cmt_instrument INTERFACE
        -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection)
    target_link_options(cmt_instrument INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
