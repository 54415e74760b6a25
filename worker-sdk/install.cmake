# `cmake --install`: headers, one archive for each target that users link, and a package for find_package(perdure).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Archives of the same objects as the modules'.
function(perdure_archive name)
  list(TRANSFORM ARGN REPLACE "(.+)" "$<TARGET_OBJECTS:perdure_\\1>" OUTPUT_VARIABLE objects)
  add_library(perdure_${name}_archive STATIC ${objects})
  set_target_properties(perdure_${name}_archive PROPERTIES OUTPUT_NAME perdure_${name} LINKER_LANGUAGE CXX
                        ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
  install(TARGETS perdure_${name}_archive ARCHIVE DESTINATION lib)
endfunction()
perdure_archive(sdk sdk_core sdk_coro sdk_client sdk_worker sdk_replayer)
perdure_archive(testing sdk_testing base query runtime store store_simulated services machines history matching frontend)
perdure_archive(guard guard)
perdure_archive(prometheus sdk_prometheus)
perdure_archive(remote_codec sdk_remote_codec)
# What `cmake --install` needs built.
add_custom_target(perdure_install DEPENDS perdure_sdk_archive perdure_testing_archive perdure_guard_archive
                  perdure_prometheus_archive perdure_remote_codec_archive)

set(PERDURE_SDK_LIBS absl::any_invocable absl::bad_optional_access absl::btree absl::cord absl::flat_hash_map
    absl::inlined_vector absl::random_random absl::span absl::status absl::statusor absl::str_format absl::strings
    absl::synchronization absl::time)
set(PERDURE_TESTING_LIBS fmt)
list(JOIN PERDURE_SDK_LIBS " " PERDURE_SDK_LIBS)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/sdk/perdureConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/sdk/perdureConfig.cmake INSTALL_DESTINATION lib/cmake/perdure)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/sdk/perdureConfigVersion.cmake COMPATIBILITY SameMinorVersion)

install(FILES ${PROJECT_BINARY_DIR}/sdk/perdureConfig.cmake ${PROJECT_BINARY_DIR}/sdk/perdureConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/cmake/sdk/PerdureCanary.cmake ${PROJECT_SOURCE_DIR}/cmake/sdk/canary.cc
        DESTINATION lib/cmake/perdure)
install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/include/perdure DESTINATION include)
install(FILES ${PERDURE_PROTOS_BUILD}/libperdure_protos.a DESTINATION lib)
install(DIRECTORY ${PERDURE_PROTOS_BUILD}/gen/ DESTINATION include/perdure-protos FILES_MATCHING PATTERN "*.pb.h")
