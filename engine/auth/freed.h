// OpenSSL's objects with an owner. Internal to auth/.
#pragma once

#include <memory>

namespace perdure::auth {

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* thing) const {
    kFree(thing);
  }
};
template <class T, auto kFree>
using Freed = std::unique_ptr<T, Free<kFree>>;

}  // namespace perdure::auth
