# Fuzz targets: NAME_fuzz.cc beside what it feeds, built on request (`ninja fuzz`) and run by the step `fuzz` of
# ./dev test. What is fed is compiled again here, with the coverage that guides libFuzzer and with sanitizers.
if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang OR PERDURE_SANITIZE)
  return()
endif()

set(fuzz_flags -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -g1 -O1)
file(GLOB fuzzed CONFIGURE_DEPENDS engine/query/*.cc engine/frontend/*.cc engine/machines/workflow/*.cc
     engine/machines/workflow/*/*.cc engine/rpc/inflate.cc engine/rpc/payload_json.cc engine/rpc/wire.cc
     engine/rpc/status.cc engine/store/checks.cc)
list(FILTER fuzzed EXCLUDE REGEX "_(test|fuzz|bench)\\.cc$|/rig\\.cc$")
add_library(perdure_fuzzed STATIC EXCLUDE_FROM_ALL ${fuzzed})
target_compile_options(perdure_fuzzed PRIVATE ${PERDURE_WARNINGS} ${fuzz_flags})
target_link_libraries(perdure_fuzzed PUBLIC perdure_protos perdure_base perdure_services perdure_runtime
                      gRPC::grpc++ PkgConfig::DEFLATE nlohmann_json::nlohmann_json absl::synchronization absl::strings
                      absl::time)
foreach(module query frontend machines auth rpc store)
  target_include_directories(perdure_fuzzed PUBLIC ${PROJECT_BINARY_DIR}/include/${module})
endforeach()
target_precompile_headers(perdure_fuzzed PRIVATE cmake/pch.h)

add_custom_target(fuzz)
foreach(source engine/query/filter_fuzz.cc engine/rpc/request_fuzz.cc engine/frontend/token_fuzz.cc
        engine/machines/workflow/persisted_fuzz.cc)
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} EXCLUDE_FROM_ALL ${source})
  target_link_libraries(${name} PRIVATE perdure_fuzzed)
  target_compile_options(${name} PRIVATE ${PERDURE_WARNINGS} ${fuzz_flags})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer,address,undefined)
  add_dependencies(fuzz ${name})
endforeach()
# What reads strangers' credentials stands apart: it needs next to nothing of the rest.
find_package(OpenSSL REQUIRED)
add_executable(credentials_fuzz EXCLUDE_FROM_ALL engine/auth/credentials_fuzz.cc engine/auth/jwt.cc
               engine/auth/key_file.cc engine/auth/principal.cc)
target_include_directories(credentials_fuzz PRIVATE ${PROJECT_BINARY_DIR}/include/auth)
target_link_libraries(credentials_fuzz PRIVATE perdure_base perdure_protos OpenSSL::Crypto
                      nlohmann_json::nlohmann_json absl::strings absl::time)
target_compile_options(credentials_fuzz PRIVATE ${PERDURE_WARNINGS} ${fuzz_flags})
target_link_options(credentials_fuzz PRIVATE -fsanitize=fuzzer,address,undefined)
add_dependencies(fuzz credentials_fuzz)
# So does what unpacks journal records.
add_executable(packing_fuzz EXCLUDE_FROM_ALL engine/store/sql/packing_fuzz.cc engine/store/sql/packing.cc
               ${PROJECT_BINARY_DIR}/engine/store/sql/record_dictionary.cc)
add_dependencies(packing_fuzz perdure_store_sql)
target_include_directories(packing_fuzz PRIVATE ${PROJECT_BINARY_DIR}/include/store_sql)
target_link_libraries(packing_fuzz PRIVATE perdure_base PkgConfig::ZSTD absl::statusor absl::strings)
target_compile_options(packing_fuzz PRIVATE ${PERDURE_WARNINGS} ${fuzz_flags})
target_link_options(packing_fuzz PRIVATE -fsanitize=fuzzer,address,undefined)
add_dependencies(fuzz packing_fuzz)
