# LibTorch as imported targets, without find_package(Torch): that one demands a CUDA toolkit
# even for a CPU build. LIBTORCH_ROOT (variable or environment) names a folder that holds
# include/ and lib/; otherwise cmake/fetch_libtorch.sh has unpacked the pinned wheel.

if(NOT LIBTORCH_ROOT)
  if(DEFINED ENV{LIBTORCH_ROOT})
    set(LIBTORCH_ROOT "$ENV{LIBTORCH_ROOT}")
  else()
    set(LIBTORCH_ROOT "${RETORT_DEPS_DIR}/torch")
  endif()
endif()
if(NOT EXISTS "${LIBTORCH_ROOT}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "LibTorch not found: ${LIBTORCH_ROOT}/lib/libtorch_cpu.so is missing - "
                      "run `make deps`, or set LIBTORCH_ROOT to a LibTorch folder")
endif()

add_library(libtorch_headers INTERFACE)
target_include_directories(libtorch_headers SYSTEM INTERFACE
  "${LIBTORCH_ROOT}/include" "${LIBTORCH_ROOT}/include/torch/csrc/api/include")

foreach(_name IN ITEMS c10 torch_cpu)
  add_library(LibTorch::${_name} SHARED IMPORTED)
  set_target_properties(LibTorch::${_name} PROPERTIES
    IMPORTED_LOCATION "${LIBTORCH_ROOT}/lib/lib${_name}.so"
    IMPORTED_NO_SONAME ON)
endforeach()

add_library(libtorch INTERFACE)
# libtorch_cpu.so of the CUDA wheel names CUDA libraries that it finds by its own RPATH.
target_link_options(libtorch INTERFACE -Wl,--allow-shlib-undefined)
target_link_libraries(libtorch INTERFACE libtorch_headers LibTorch::torch_cpu LibTorch::c10)

if(RETORT_CUDA)
  find_package(CUDAToolkit REQUIRED)
  foreach(_name IN ITEMS c10_cuda torch_cuda)
    add_library(LibTorch::${_name} SHARED IMPORTED)
    set_target_properties(LibTorch::${_name} PROPERTIES
      IMPORTED_LOCATION "${LIBTORCH_ROOT}/lib/lib${_name}.so"
      IMPORTED_NO_SONAME ON)
  endforeach()
  # Nothing of ours names a symbol of torch_cuda: without --no-as-needed it would be dropped.
  target_link_options(libtorch INTERFACE -Wl,--no-as-needed)
  target_link_libraries(libtorch INTERFACE LibTorch::torch_cuda LibTorch::c10_cuda)
  target_link_libraries(libtorch INTERFACE CUDA::cudart)  # the shared one: LibTorch has it loaded
  target_compile_definitions(libtorch INTERFACE RETORT_CUDA=1)
endif()
add_library(LibTorch::LibTorch ALIAS libtorch)
set(LibTorch_FOUND TRUE)
