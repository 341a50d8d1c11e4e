# retort_add_library(name [TORCH_PCH] FOLDERS... DEPENDS targets... [PRIVATE_DEPENDS targets...])
# One static library from every .cc of the given folders of the current directory. Sources are
# globbed with CONFIGURE_DEPENDS so that a plug-in is one new file and one line in its list.
function(retort_add_library name)
  cmake_parse_arguments(ARG "TORCH_PCH" "" "FOLDERS;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  set(_sources)
  foreach(_folder IN LISTS ARG_FOLDERS)
    file(GLOB _found CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${_folder}/*.cc")
    list(APPEND _sources ${_found})
  endforeach()
  if(NOT RETORT_CUDA)
    list(FILTER _sources EXCLUDE REGEX "/cuda_[a-z_]+\\.cc$")
  endif()
  add_library(retort_${name} STATIC ${_sources})
  add_library(retort::${name} ALIAS retort_${name})
  target_include_directories(retort_${name} PUBLIC "${CMAKE_SOURCE_DIR}")
  target_link_libraries(retort_${name} PUBLIC ${ARG_DEPENDS}
                        PRIVATE retort_warnings ${ARG_PRIVATE_DEPENDS})
  if(ARG_TORCH_PCH)
    target_precompile_headers(retort_${name} PRIVATE <ATen/ATen.h>)
  endif()
  # Instruction sets are chosen at run time; only the files named for one are compiled for it.
  foreach(_source IN LISTS _sources)
    if(_source MATCHES "_avx512_bf16\\.cc$")
      set_source_files_properties("${_source}" PROPERTIES SKIP_PRECOMPILE_HEADERS ON
        COMPILE_OPTIONS
        "-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mavx512bf16;-mavx2;-mfma")
    elseif(_source MATCHES "_avx512\\.cc$")
      set_source_files_properties("${_source}" PROPERTIES SKIP_PRECOMPILE_HEADERS ON
        COMPILE_OPTIONS "-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mavx2;-mfma")
    elseif(_source MATCHES "_avx2\\.cc$")
      set_source_files_properties("${_source}" PROPERTIES SKIP_PRECOMPILE_HEADERS ON
        COMPILE_OPTIONS "-mavx2;-mfma")
    elseif(_source MATCHES "_scalar\\.cc$")
      set_source_files_properties("${_source}" PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
    endif()
  endforeach()
endfunction()
