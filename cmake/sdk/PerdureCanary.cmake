# perdure_canary(<out>): 1 if the compiler of this project destroys aggregate temporaries twice in expressions with
# co_await, 0 if not, empty if that cannot be tried (cross compiling): the headers then go by the compiler's age.
# The headers refuse such temporaries at compile time where it is 1 (perdure/detail/calls.h).
set(PERDURE_CANARY_SOURCE ${CMAKE_CURRENT_LIST_DIR}/canary.cc)
function(perdure_canary out)
  if(CMAKE_CROSSCOMPILING)
    set(${out} "" PARENT_SCOPE)
    return()
  endif()
  if(NOT DEFINED PERDURE_CANARY_RUN)
    try_run(PERDURE_CANARY_RUN PERDURE_CANARY_COMPILED ${CMAKE_BINARY_DIR}/perdure_canary ${PERDURE_CANARY_SOURCE}
            CMAKE_FLAGS -DCMAKE_CXX_STANDARD=20 -DCMAKE_CXX_STANDARD_REQUIRED=ON
            RUN_OUTPUT_VARIABLE output)
    if(NOT PERDURE_CANARY_COMPILED)
      message(FATAL_ERROR "Perdure's SDK needs a compiler with C++20 coroutines.")
    elseif(NOT PERDURE_CANARY_RUN EQUAL 0)
      message(STATUS "Perdure: this compiler destroys some temporaries twice in expressions with co_await:\n${output}"
                     "Structs given to activities must have names; the compiler will say where.")
    endif()
  endif()
  if(PERDURE_CANARY_RUN EQUAL 0)
    set(${out} 0 PARENT_SCOPE)
  else()
    set(${out} 1 PARENT_SCOPE)
  endif()
endfunction()
