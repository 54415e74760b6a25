# perdure_module(NAME machines SRCS a.cc EXPOSES base DEPS ... LIBS absl::status [PURE] [TESTS a_test.cc])
#
# EXPOSES: modules that this one's headers include; DEPS: modules used only inside. Every edge must stand in
# layers.cmake. A module's headers are found under its own include root, so only targets that declare the
# edge can include them. NAME may be nested (store_postgres lives in store/postgres): the include path is
# the folder's path below engine/.
include(${CMAKE_CURRENT_LIST_DIR}/layers.cmake)
include(GoogleTest)

# One precompiled header for everything that sees the API's generated code.
# ccache can only reuse a precompiled header that does not carry timestamps.
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
endif()
if(NOT EXISTS ${PROJECT_BINARY_DIR}/pch_anchor.cc)
  file(WRITE ${PROJECT_BINARY_DIR}/pch_anchor.cc "")
endif()
add_library(perdure_pch OBJECT ${PROJECT_BINARY_DIR}/pch_anchor.cc)
target_link_libraries(perdure_pch PRIVATE perdure_protos)
target_compile_options(perdure_pch PRIVATE ${PERDURE_WARNINGS})

target_precompile_headers(perdure_pch PRIVATE ${CMAKE_CURRENT_LIST_DIR}/pch.h)

add_custom_target(headers_alone)
# What ./dev builds by need: the unit tests, and the programs that show what a module links with.
add_custom_target(perdure_tests)
add_custom_target(perdure_layers)

function(perdure_module)
  cmake_parse_arguments(M "PURE;NO_PCH" "NAME" "SRCS;DEPS;EXPOSES;LIBS;TESTS;TEST_DEPS" ${ARGN})
  foreach(dep IN LISTS M_DEPS M_EXPOSES)
    if(NOT "${dep}" IN_LIST LAYER_${M_NAME})
      message(FATAL_ERROR "layer rule: ${M_NAME} may not depend on ${dep} (cmake/layers.cmake)")
    endif()
  endforeach()
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR}/engine ${CMAKE_CURRENT_SOURCE_DIR})
  if(folder MATCHES "^\\.\\./")
    file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  set(root ${PROJECT_BINARY_DIR}/include/${M_NAME})
  get_filename_component(parent ${root}/${folder} DIRECTORY)
  file(MAKE_DIRECTORY ${parent})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${folder} SYMBOLIC)

  add_library(perdure_${M_NAME} STATIC ${M_SRCS})
  target_include_directories(perdure_${M_NAME} PUBLIC ${root})
  target_compile_options(perdure_${M_NAME} PRIVATE ${PERDURE_WARNINGS})
  list(TRANSFORM M_DEPS PREPEND perdure_)
  list(TRANSFORM M_EXPOSES PREPEND perdure_)
  target_link_libraries(perdure_${M_NAME} PUBLIC perdure_protos ${M_EXPOSES} PRIVATE ${M_DEPS}
                        ${M_LIBS})
  if(NOT M_NO_PCH)
    target_precompile_headers(perdure_${M_NAME} REUSE_FROM perdure_pch)
  endif()

  # Each header must compile alone (target headers_alone; part of ./dev check).
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *.h)
  foreach(header IN LISTS headers)
    # A folder below with a CMakeLists.txt of its own is another module.
    get_filename_component(header_folder ${header} DIRECTORY)
    if(header_folder AND EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${header_folder}/CMakeLists.txt)
      continue()
    endif()
    string(MAKE_C_IDENTIFIER ${header} id)
    set(unit ${CMAKE_CURRENT_BINARY_DIR}/alone/${id}.cc)
    file(CONFIGURE OUTPUT ${unit} CONTENT "#include \"${folder}/${header}\"\n")
    list(APPEND units ${unit})
  endforeach()
  if(units)
    add_library(headers_${M_NAME} OBJECT EXCLUDE_FROM_ALL ${units})
    target_link_libraries(headers_${M_NAME} PRIVATE perdure_${M_NAME} ${M_DEPS} ${M_LIBS})
    target_compile_options(headers_${M_NAME} PRIVATE ${PERDURE_WARNINGS})
    add_dependencies(headers_alone headers_${M_NAME})
  endif()

  # Link test: everything the module refers to is supplied by what it declares.
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/link_main.cc CONTENT "int main() { return 0; }\n")
  add_executable(linktest_${M_NAME} ${CMAKE_CURRENT_BINARY_DIR}/link_main.cc)
  target_link_libraries(linktest_${M_NAME} PRIVATE
                        "$<LINK_LIBRARY:WHOLE_ARCHIVE,perdure_${M_NAME}>")
  add_dependencies(perdure_layers linktest_${M_NAME})
  add_test(NAME layers.link.${M_NAME} COMMAND linktest_${M_NAME})
  set_tests_properties(layers.link.${M_NAME} PROPERTIES LABELS layers)
  if(M_PURE AND NOT PERDURE_SANITIZE)
    add_test(NAME layers.pure.${M_NAME} COMMAND sh ${PROJECT_SOURCE_DIR}/cmake/pure.sh
             $<TARGET_FILE:perdure_${M_NAME}>)
    set_tests_properties(layers.pure.${M_NAME} PROPERTIES LABELS layers)
  endif()

  if(M_TESTS)
    list(TRANSFORM M_TEST_DEPS PREPEND perdure_)
    add_executable(${M_NAME}_test ${M_TESTS})
    target_link_libraries(${M_NAME}_test PRIVATE perdure_${M_NAME} ${M_DEPS} ${M_TEST_DEPS} ${M_LIBS}
                          GTest::gtest_main GTest::gmock)
    target_compile_options(${M_NAME}_test PRIVATE ${PERDURE_WARNINGS})
    if(NOT M_NO_PCH)
      target_precompile_headers(${M_NAME}_test REUSE_FROM perdure_pch)
    endif()
    add_dependencies(perdure_tests ${M_NAME}_test)
    gtest_discover_tests(${M_NAME}_test TEST_PREFIX "${M_NAME}." DISCOVERY_TIMEOUT 60)
  endif()
endfunction()
