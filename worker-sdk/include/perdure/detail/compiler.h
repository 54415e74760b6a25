// What this compiler does to coroutines: docs/sdk/compilers.md.
#pragma once

// Decided by the build, which tries what the compiler does; without it, by the compiler's age.
#ifndef PERDURE_DESTROYS_AGGREGATE_TEMPORARIES_TWICE
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 14
#define PERDURE_DESTROYS_AGGREGATE_TEMPORARIES_TWICE 1
#else
#define PERDURE_DESTROYS_AGGREGATE_TEMPORARIES_TWICE 0
#endif
#endif
