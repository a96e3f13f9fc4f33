# SPDX-License-Identifier: Apache-2.0
#
# What the CMakeLists is written in: modules, programs, tests, fuzz targets.

add_custom_target(programs)  # every program
add_custom_target(generated) # every generated file, for tools that read our sources

# cmt_module(<name> SOURCES <file>... [DEPENDS <module>...] [LIBRARIES <target>...])
#
# The static library cmt_<name> from files of the folder <name>/.  It sees the public headers, base/ and
# its own folder.  Dependencies are linked privately: nothing of them leaks to who uses this module.
function(cmt_module name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;LIBRARIES")
    list(TRANSFORM arg_SOURCES PREPEND "${name}/")
    list(TRANSFORM arg_DEPENDS PREPEND "cmt_")
    set_property(GLOBAL APPEND PROPERTY CMT_MODULE_FOLDERS "${PROJECT_SOURCE_DIR}/${name}")
    set_property(GLOBAL APPEND PROPERTY CMT_MODULE_OBJECTS $<TARGET_OBJECTS:cmt_${name}>)
    set_property(GLOBAL APPEND PROPERTY CMT_MODULE_LIBRARIES ${arg_LIBRARIES})
    add_library(cmt_${name} STATIC ${arg_SOURCES})
    target_include_directories(cmt_${name}
        PUBLIC ${PROJECT_SOURCE_DIR}/include
        PRIVATE ${PROJECT_SOURCE_DIR}/${name} ${PROJECT_SOURCE_DIR}/base)
    target_link_libraries(cmt_${name}
        PRIVATE ${arg_DEPENDS} ${arg_LIBRARIES} cmt_warnings cmt_instrument)
endfunction()

# cmt_generate_protobuf(<name> <file.proto>...)
#
# The static library cmt_<name>_generated from protoc-c's output.  Generated code has its own flags: it is
# not ours to mend.  Files are named relative to the folder <name>/.
function(cmt_generate_protobuf name)
    set(out "${PROJECT_BINARY_DIR}/generated/${name}")
    set(files "")
    foreach(proto IN LISTS ARGN)
        string(REGEX REPLACE "\\.proto$" ".pb-c" stem "${proto}")
        add_custom_command(
            OUTPUT "${out}/${stem}.c" "${out}/${stem}.h"
            COMMAND ${CMAKE_COMMAND} -E make_directory "${out}"
            COMMAND ${CMT_PROTOC_C} "--c_out=${out}" "--proto_path=${PROJECT_SOURCE_DIR}/${name}"
                    "${PROJECT_SOURCE_DIR}/${name}/${proto}"
            DEPENDS "${PROJECT_SOURCE_DIR}/${name}/${proto}"
            COMMENT "Generating ${stem}.[ch]"
            VERBATIM)
        list(APPEND files "${out}/${stem}.c" "${out}/${stem}.h")
    endforeach()
    add_library(cmt_${name}_generated STATIC ${files})
    target_compile_options(cmt_${name}_generated PRIVATE -w)
    target_include_directories(cmt_${name}_generated SYSTEM INTERFACE "${out}")
    target_link_libraries(cmt_${name}_generated PUBLIC PkgConfig::PROTOBUF_C PRIVATE cmt_instrument)
    add_dependencies(generated cmt_${name}_generated)
endfunction()

# cmt_library()
#
# The shared library: all modules, of which only the public functions can be seen; with headers, pkg-config file and CMake
# package, to be installed.
function(cmt_library)
    include(GNUInstallDirs)
    include(CMakePackageConfigHelpers)
    get_property(objects GLOBAL PROPERTY CMT_MODULE_OBJECTS)
    get_property(libraries GLOBAL PROPERTY CMT_MODULE_LIBRARIES)
    list(REMOVE_DUPLICATES libraries)
    add_library(cmtstore_library SHARED ${objects} $<TARGET_OBJECTS:cmt_proto_generated>)
    target_include_directories(cmtstore_library INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(cmtstore_library PRIVATE ${libraries} PkgConfig::PROTOBUF_C cmt_instrument)
    # Visibility hides our own functions; the map what C++ libraries are made of.
    target_link_options(cmtstore_library PRIVATE
        "-Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/cmtstore.map" -Wl,-z,defs)
    set_target_properties(cmtstore_library PROPERTIES
        LINK_DEPENDS "${PROJECT_SOURCE_DIR}/cmake/cmtstore.map"
        OUTPUT_NAME cmtstore EXPORT_NAME cmtstore VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
        LINKER_LANGUAGE CXX)
    set(package "${CMAKE_INSTALL_LIBDIR}/cmake/cmtstore")
    write_basic_package_version_file("${PROJECT_BINARY_DIR}/cmtstore-config-version.cmake"
        COMPATIBILITY SameMinorVersion)
    install(TARGETS cmtstore_library EXPORT cmtstore LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(DIRECTORY include/cmtstore DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    install(EXPORT cmtstore NAMESPACE cmtstore:: FILE cmtstore-config.cmake DESTINATION ${package})
    install(FILES "${PROJECT_BINARY_DIR}/cmtstore-config-version.cmake" DESTINATION ${package})
    # With the prefix of the installation, which may be another than that of the configuration.
    install(CODE "set(CMAKE_INSTALL_LIBDIR \"${CMAKE_INSTALL_LIBDIR}\")
        set(CMAKE_INSTALL_INCLUDEDIR \"${CMAKE_INSTALL_INCLUDEDIR}\")
        set(PROJECT_DESCRIPTION \"${PROJECT_DESCRIPTION}\")
        set(PROJECT_VERSION \"${PROJECT_VERSION}\")
        configure_file(\"${PROJECT_SOURCE_DIR}/cmake/cmtstore.pc.in\"
            \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig/cmtstore.pc\" @ONLY)")
endfunction()

# cmt_program(<name> FOLDER <folder> SOURCES <file>... DEPENDS <module>... [LIBRARIES <target>...])
#
# A program.  It sees the public headers and its own folder only.
function(cmt_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "FOLDER" "SOURCES;DEPENDS;LIBRARIES")
    list(TRANSFORM arg_SOURCES PREPEND "${arg_FOLDER}/")
    list(TRANSFORM arg_DEPENDS PREPEND "cmt_")
    add_executable(${name} ${arg_SOURCES})
    target_compile_definitions(${name} PRIVATE CMTSTORE_VERSION="${PROJECT_VERSION}")
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/${arg_FOLDER})
    target_link_libraries(${name}
        PRIVATE ${arg_DEPENDS} ${arg_LIBRARIES} cmt_warnings cmt_instrument)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMT_BIN_DIR}")
    add_dependencies(programs ${name})
    install(TARGETS ${name})
endfunction()

# cmt_bench_program(<name> SOURCES <file>... DEPENDS <module>...)
#
# A program that benchmarks run; not installed.  Built with the tests, else when asked for.
function(cmt_bench_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
    list(TRANSFORM arg_DEPENDS PREPEND "cmt_")
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE ${arg_DEPENDS} cmt_warnings cmt_instrument)
    set_target_properties(${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bench")
    if(NOT CMT_TESTS)
        set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    endif()
endfunction()

# cmt_test_helper(<name> SOURCES <file>... [MODULES <module>...] [LIBRARIES <target>...] [PRELOAD])
#
# A program that tests run, or with PRELOAD a shared object that they preload.  Tests find its path in the
# environment as CMT_TEST_<NAME>.  Not instrumented: it judges or disturbs what is.  It sees base/ and the folders of its modules.
function(cmt_test_helper name)
    if(NOT CMT_TESTS)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 1 arg "PRELOAD" "" "SOURCES;MODULES;LIBRARIES")
    if(arg_PRELOAD)
        add_library(${name} MODULE ${arg_SOURCES})
        set_target_properties(${name} PROPERTIES
            PREFIX "" C_VISIBILITY_PRESET default
            LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/test")
        target_link_libraries(${name} PRIVATE ${CMAKE_DL_LIBS})
    else()
        add_executable(${name} ${arg_SOURCES})
        set_target_properties(${name} PROPERTIES
            RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/test")
    endif()
    foreach(module IN LISTS arg_MODULES)
        target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/base ${PROJECT_SOURCE_DIR}/${module})
        target_link_libraries(${name} PRIVATE cmt_${module})
    endforeach()
    target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
    target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} cmt_warnings)
    string(TOUPPER "CMT_TEST_${name}" variable)
    set_property(GLOBAL APPEND PROPERTY CMT_TEST_ENVIRONMENT "${variable}=$<TARGET_FILE:${name}>")
endfunction()

# Properties that every test shares.
function(cmt_test_properties test label timeout)
    get_property(environment GLOBAL PROPERTY CMT_TEST_ENVIRONMENT)
    list(APPEND environment
        "CK_TIMEOUT_MULTIPLIER=10" # for busy machines; ctest's own timeout ends what hangs
        "CMTSTORE=${CMT_BIN_DIR}/cmtstore"
        "CMT_FIXTURES=${PROJECT_SOURCE_DIR}/test/fixtures")
    if(CMT_SANITIZE)
        # One process per test file: a forked child would report its leaks to nobody.
        list(APPEND environment "CK_FORK=no"
            "LSAN_OPTIONS=print_suppressions=0:suppressions=${PROJECT_SOURCE_DIR}/test/support/lsan.supp")
    endif()
    set_tests_properties(${test} PROPERTIES
        LABELS "${label}" TIMEOUT ${timeout} ENVIRONMENT "${environment}")
endfunction()

# cmt_shared_sources(<variable> <file>...)
#
# Replaces the names of files that several test programs share by the names of their objects, which are compiled once.
# Such a file sees the public headers and the folders of all modules.
function(cmt_shared_sources variable)
    get_property(folders GLOBAL PROPERTY CMT_MODULE_FOLDERS)
    set(check "")
    if(TARGET PkgConfig::CHECK)
        set(check PkgConfig::CHECK)
    endif()
    set(sources "")
    foreach(file IN LISTS ARGN)
        if(NOT file MATCHES "^(test/support|fuzz)/")
            list(APPEND sources "${file}")
            continue()
        endif()
        string(REGEX REPLACE "[/.]" "_" target "shared_${file}")
        if(NOT TARGET ${target})
            add_library(${target} OBJECT ${file})
            target_include_directories(${target} PRIVATE
                ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/base ${PROJECT_SOURCE_DIR}/test/support
                ${PROJECT_SOURCE_DIR}/fuzz ${folders})
            target_link_libraries(${target}
                PRIVATE cmt_proto_generated ${check} Threads::Threads cmt_warnings cmt_instrument)
        endif()
        list(APPEND sources $<TARGET_OBJECTS:${target}>)
    endforeach()
    set(${variable} "${sources}" PARENT_SCOPE)
endfunction()

# cmt_test(<name> LABEL <label> [MODULES <module>...] [SOURCES <file>...] [LIBRARIES <target>...]
#          [TIMEOUT <seconds>] [RUNS <argument>...])
#
# The Check suite test/<label>/test_<name>.c, run as the test <label>.<name>; with RUNS once for each
# argument, as <label>.<argument>.  SOURCES are further files,
# relative to the top.  It sees the public headers, base/, test/support/ and the folders of its modules;
# CMT_TEST_DATA_DIR is the string test/<label>/data, made absolute.
function(cmt_test name)
    if(NOT CMT_TESTS)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL;TIMEOUT" "MODULES;SOURCES;LIBRARIES;RUNS")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 300)
    endif()
    set(target test_${arg_LABEL}_${name})
    cmt_shared_sources(arg_SOURCES ${arg_SOURCES})
    add_executable(${target} test/${arg_LABEL}/test_${name}.c ${arg_SOURCES})
    target_include_directories(${target} PRIVATE
        ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/base ${PROJECT_SOURCE_DIR}/test/support)
    target_compile_definitions(${target} PRIVATE
        CMT_TEST_DATA_DIR="${PROJECT_SOURCE_DIR}/test/${arg_LABEL}/data")
    foreach(module IN LISTS arg_MODULES)
        target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/${module})
        target_link_libraries(${target} PRIVATE cmt_${module})
    endforeach()
    target_link_libraries(${target}
        PRIVATE ${arg_LIBRARIES} PkgConfig::CHECK cmt_warnings cmt_instrument)
    set_target_properties(${target} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/test")
    if(NOT arg_RUNS)
        add_test(NAME ${arg_LABEL}.${name} COMMAND ${target})
        cmt_test_properties(${arg_LABEL}.${name} ${arg_LABEL} ${arg_TIMEOUT})
    endif()
    foreach(argument IN LISTS arg_RUNS)
        add_test(NAME ${arg_LABEL}.${argument} COMMAND ${target} ${argument})
        cmt_test_properties(${arg_LABEL}.${argument} "${arg_LABEL};${arg_LABEL}.${argument}" ${arg_TIMEOUT})
    endforeach()
endfunction()

# cmt_unit_test(<name> MODULES <module>... [...]): cmt_test with the label unit.
function(cmt_unit_test name)
    cmt_test(${name} LABEL unit ${ARGN})
endfunction()

# cmt_script_test(<name> LABEL <label> COMMAND <command>... [TIMEOUT <seconds>])
#
# A test that is a script or a program of its own; exit status 0 passes, 77 says that this machine lacks
# something it needs (reported as skipped).  Runs at the top of the tree.
function(cmt_script_test name)
    if(NOT CMT_TESTS)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL;TIMEOUT" "COMMAND")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 300)
    endif()
    add_test(NAME ${arg_LABEL}.${name} COMMAND ${arg_COMMAND}
             WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties(${arg_LABEL}.${name} PROPERTIES SKIP_RETURN_CODE 77)
    cmt_test_properties(${arg_LABEL}.${name} ${arg_LABEL} ${arg_TIMEOUT})
endfunction()

# cmt_fuzz_target(<name> MODULES <module>... [SOURCES <file>...])
#
# fuzz/fuzz_<name>.c, run as the test fuzz.<name>.  With CMT_FUZZ libFuzzer searches for CMT_FUZZ_SECONDS,
# starting from fuzz/corpus/<name>/; otherwise the stored corpus alone is replayed.
function(cmt_fuzz_target name)
    if(NOT CMT_TESTS AND NOT CMT_FUZZ)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "MODULES;SOURCES")
    set(target fuzz_${name})
    set(corpus "${PROJECT_SOURCE_DIR}/fuzz/corpus/${name}")
    if(NOT CMT_FUZZ)
        list(APPEND arg_SOURCES fuzz/replay_main.c)
    endif()
    cmt_shared_sources(arg_SOURCES ${arg_SOURCES})
    add_executable(${target} fuzz/fuzz_${name}.c ${arg_SOURCES})
    target_include_directories(${target} PRIVATE
        ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/base ${PROJECT_SOURCE_DIR}/fuzz
        ${PROJECT_SOURCE_DIR}/test/support)
    foreach(module IN LISTS arg_MODULES)
        target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/${module})
        target_link_libraries(${target} PRIVATE cmt_${module})
    endforeach()
    target_link_libraries(${target} PRIVATE cmt_warnings cmt_instrument)
    set_target_properties(${target} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
    if(CMT_FUZZ)
        set(found "${PROJECT_BINARY_DIR}/corpus/${name}")
        file(MAKE_DIRECTORY "${found}")
        target_link_options(${target} PRIVATE -fsanitize=fuzzer)
        add_test(NAME fuzz.${name}
                 COMMAND ${target} -max_total_time=${CMT_FUZZ_SECONDS} -timeout=10
                         -artifact_prefix=${PROJECT_BINARY_DIR}/corpus/${name}- ${found} ${corpus})
    else()
        add_test(NAME fuzz.${name} COMMAND ${target} ${corpus})
    endif()
    cmt_test_properties(fuzz.${name} fuzz 600)
endfunction()
