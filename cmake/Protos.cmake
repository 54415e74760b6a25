# Generates and compiles protos/ once, as the static library perdure_protos.
#
# The generated code is never instrumented and depends on nothing of ours, so every preset may share one
# build of it: configure with -DPERDURE_PROTOS_BUILD=<dir> to import the library that <dir> holds.
set(PERDURE_PROTOS_BUILD "" CACHE PATH "A build of cmake/protos to import instead of compiling here")
if(NOT PERDURE_PROTOS_BUILD)
  set(PERDURE_PROTOS_BUILD ${PROJECT_BINARY_DIR}/protos)
  add_subdirectory(${PROJECT_SOURCE_DIR}/cmake/protos ${PERDURE_PROTOS_BUILD})
else()
  add_library(perdure_protos STATIC IMPORTED GLOBAL)
  set_target_properties(perdure_protos PROPERTIES
    IMPORTED_LOCATION ${PERDURE_PROTOS_BUILD}/libperdure_protos.a)
  target_include_directories(perdure_protos SYSTEM INTERFACE ${PERDURE_PROTOS_BUILD}/gen)
  target_link_libraries(perdure_protos INTERFACE protobuf::libprotobuf)
endif()
