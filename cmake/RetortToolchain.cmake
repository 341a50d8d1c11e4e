# Compiler, linker and sanitizer settings that hold for every target.

find_program(RETORT_CCACHE ccache)
if(RETORT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # PCH and time macros need these two sloppiness flags, or ccache never hits.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${RETORT_CCACHE})
endif()
find_program(RETORT_MOLD mold)
if(RETORT_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Every fused multiply-add in Retort is spelled out; the compiler may not make or split any.
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND RETORT_CCACHE)
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
endif()

# One sanitizer, or two that go together: address,undefined.
if(RETORT_SANITIZE)
  string(REPLACE "," ";" _sanitizers "${RETORT_SANITIZE}")
  foreach(_kind IN LISTS _sanitizers)
    if(NOT _kind MATCHES "^(address|thread|undefined)$")
      message(FATAL_ERROR "RETORT_SANITIZE=${RETORT_SANITIZE}: expected address, thread, undefined or address,undefined")
    endif()
  endforeach()
  # -O1: instrumented code builds in half the time of -O2; asserts stay.
  add_compile_options(-fsanitize=${RETORT_SANITIZE} -fno-omit-frame-pointer -O1 -g1 -UNDEBUG)
  add_link_options(-fsanitize=${RETORT_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized)  # instrumented code confuses GCC 12, in <regex> for one
  endif()
  if("undefined" IN_LIST _sanitizers)
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

add_library(retort_warnings INTERFACE)
target_compile_options(retort_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
if(RETORT_WERROR)
  target_compile_options(retort_warnings INTERFACE -Werror)
endif()

# GCC 12 sees overlapping copies in std::string concatenations where there are none (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  set(RETORT_GCC12_OPTIONS -Wno-restrict -Wno-stringop-overflow)
endif()
