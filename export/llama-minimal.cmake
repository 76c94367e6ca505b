# Read by CMake at the start of llama.cpp's own project, see the Makefile: leaves out what is not
# called from Python, half of the work, and processor instructions whose code crashes.
set(LLAMA_BUILD_COMMON OFF)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND NOT MSVC)
  add_compile_options(-mno-amx-tile -mno-amx-int8 -mno-amx-bf16)
endif()
