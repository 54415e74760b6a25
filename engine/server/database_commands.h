// `perdure server check` and `perdure server migrate --dry-run`: what a server would find in its
// database, without starting one.
#pragma once

#include "server/options.h"

namespace perdure::server {

// Both print to standard output and return the exit code: 0 if a server can run there, 1 if not.
int CheckDatabase(const ServerOptions& options);
int ShowMigrations(const ServerOptions& options);

}  // namespace perdure::server
