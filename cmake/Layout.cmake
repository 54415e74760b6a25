# perdure_lay_out(TARGET COUNTS): what the program runs lies together, in the order in which it runs, and what it does not
# is out of the way: less of it passes through the processor's caches. That concerns the archives linked into it as much as
# our own code. COUNTS is an archive with layout.fdata, which says how often what ran; `./dev train` makes it. A function
# that has changed since then stays as the compiler left it.
function(perdure_lay_out target counts)
  if(NOT CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64)
    message(STATUS "no counts for ${CMAKE_SYSTEM_PROCESSOR}: ${target} stays as it is linked")
    return()
  endif()
  find_program(PERDURE_BOLT llvm-bolt-19 REQUIRED)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/layout)
  file(ARCHIVE_EXTRACT INPUT ${counts} DESTINATION ${folder})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${counts})
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${counts} ${PROJECT_SOURCE_DIR}/cmake/lay_out.sh)
  target_link_options(${target} PRIVATE LINKER:--emit-relocs)
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM
    COMMAND ${PROJECT_SOURCE_DIR}/cmake/lay_out.sh ${PERDURE_BOLT} $<TARGET_FILE:${target}> ${folder}/layout.fdata)
endfunction()
